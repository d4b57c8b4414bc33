// The sources run as TypeScript directly, so an older Node cannot even load them: say it in one line.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`wasm-lns needs Node 24 or newer; this is ${process.version} (was npm run with --ignore-scripts?)`);
  process.exit(1);
}
