/** For tests: an error of the path's own, as a load outside the memory would be. */
export function trap(): void { unreachable(); }
