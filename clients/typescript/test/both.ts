// For the tests: one module with the client and the example, so that both use the same classes.
export * from "../examples/stock.js";
export * from "../src/authorization.js";
