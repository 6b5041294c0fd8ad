// How the page calls a device whose client named itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

const { outputFiles } = await build({
  entryPoints: ["web/account/user-agent.ts"],
  bundle: true,
  format: "esm",
  write: false,
});
const { deviceName } = await import(
  `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
);

const GECKO = "(KHTML, like Gecko)";
const CASES = [
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 ${GECKO} Chrome/131.0.0.0 Safari/537.36`,
    "Chrome on Windows",
  ],
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 ${GECKO} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0`,
    "Edge on Windows",
  ],
  [
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 ${GECKO} Version/18.1 Safari/605.1.15`,
    "Safari on Mac",
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 ${GECKO} Version/18.1 Mobile/15E148 Safari/604.1`,
    "Safari on iPhone",
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 ${GECKO} CriOS/131.0 Mobile/15E148 Safari/604.1`,
    "Chrome on iPhone",
  ],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"],
  ["Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "Firefox on Android"],
  [
    `Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 ${GECKO} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36`,
    "Samsung Internet on Android",
  ],
  [
    `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 ${GECKO} Chrome/131.0.0.0 Safari/537.36`,
    "Chrome on ChromeOS",
  ],
  [
    "hamrahIOS/1 CFNetwork/1568.200.51 Darwin/24.1.0",
    "hamrahIOS/1 CFNetwork/1568.200.51 Darwin/24.1.0",
  ],
  ["curl/8.9.1", "curl/8.9.1"],
  [" ", "Unknown device"],
  [null, "Unknown device"],
];

test("common clients are named shortly, others as they call themselves", () => {
  for (const [userAgent, name] of CASES)
    assert.equal(deviceName(userAgent), name, String(userAgent));
  assert.equal(deviceName("x".repeat(500)).length, 61);
});
