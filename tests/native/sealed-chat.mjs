// Runs the example of sealed messages against the service at the given origin, and prints the texts
// that were read as JSON.
import { load } from "../../clients/typescript/test/relay-support.mjs";

const [origin] = process.argv.slice(2);
const { exchange } = await load("../examples/sealed-chat.ts");
try {
  console.log(JSON.stringify(await exchange({ origin, log: () => {} })));
} catch (error) {
  // Without the place, which is the whole bundle.
  console.error(error.message);
  process.exitCode = 1;
}
