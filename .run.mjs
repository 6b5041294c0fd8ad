import { startControl } from "./tests/workerd/control.mjs"; import { spawn } from "node:child_process";
const control = await startControl();
const child = spawn(process.argv[2], ["--test-threads","2",...process.argv.slice(3)], { stdio:"inherit", env:{...process.env, HAMRAH_WORKERD: control.url}});
child.on("exit", async (c)=>{ await control.stop(); process.exit(c); });
