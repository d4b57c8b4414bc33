export * from "./layout/l2tp";
