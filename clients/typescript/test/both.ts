// For the tests: the client and the example in one module, so that both know the same classes.
export * from "../examples/stock.js";
export * from "../src/authorization.js";
