// The simulation behind docs/SCALING.md is repeatable, loses no request, and agrees with queueing
// theory. The page holds its results. No server is started.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  COSTS,
  DAY,
  LAGS,
  PATIENCE,
  PRICES,
  SERVICE,
  WRITE_SHARE,
} from "../../benches/simulate.mjs";
import {
  document,
  gigabytes,
  limit,
  markdown,
  million,
  month,
  report,
  roomFor,
  simulate,
} from "../../benches/simulate.mjs";

const near = (actual, expected, share, what) =>
  assert.ok(
    Math.abs(actual - expected) <= share * expected,
    `${what}: ${actual} is more than ${100 * share} % from ${expected}`,
  );
const day = { rate: 300, service: SERVICE.middle };

test("the same seed gives the same result, and another seed another", () => {
  const setting = { ...day, replicas: 3 };
  assert.deepEqual(simulate(setting), simulate(setting));
  assert.notEqual(simulate(setting).arrived, simulate({ ...setting, seed: 2 }).arrived);
});

test("every request is served once, and every server is either busy or idle", () => {
  for (const replicas of [0, 1, 2, 6]) {
    const { arrived, ends, servers, read, write } = simulate({ ...day, replicas });
    assert.ok(arrived > 20_000);
    assert.equal(
      servers.reduce((total, { served }) => total + served, 0),
      arrived,
      "every request is served",
    );
    assert.equal(read.count + write.count, arrived, "every request has a waiting time");
    near(write.count / arrived, WRITE_SHARE, 0.05, "share of writes");
    assert.ok(servers[0].served >= write.count, "the primary makes all changes");
    for (const { busy, idle } of servers) near(busy + idle, ends, 1e-9, "busy and idle");
    if (replicas === 0)
      near(
        servers[0].busy,
        read.count * day.service.read + write.count * day.service.write,
        1e-9,
        "work",
      );
    else
      assert.ok(
        servers.slice(1).every(({ served }) => served > 0),
        "every replica serves requests",
      );
  }
});

test("the waiting time of a steady load is that of the theory", () => {
  for (const load of [0.3, 0.6, 0.8]) {
    // M/D/1: every request takes the same time.
    const same = simulate({
      rate: 1000 * load,
      service: { read: 1, write: 1 },
      steady: true,
      seconds: 1500,
    });
    const all =
      (same.read.mean * same.read.count + same.write.mean * same.write.count) / same.arrived;
    near(all, load / (2 * (1 - load)), 0.04, `M/D/1 at ${load}`);
    // M/G/1 (Pollaczek and Khinchine): reads and writes wait in one queue.
    const { read, write } = SERVICE.middle;
    const [first, second] = [1, 2].map(
      (power) => WRITE_SHARE * write ** power + (1 - WRITE_SHARE) * read ** power,
    );
    const mixed = simulate({
      rate: (1000 * load) / first,
      service: SERVICE.middle,
      steady: true,
      seconds: 1500,
    });
    const expected = (load * second) / first / (2 * (1 - load));
    near(mixed.read.mean, expected, 0.05, `M/G/1 at ${load}, reads`);
    near(mixed.write.mean, expected, 0.06, `M/G/1 at ${load}, writes`);
  }
});

test("more replicas never make a request wait longer", () => {
  for (const service of Object.values(SERVICE)) {
    const rate = 0.9 * limit({ service }).rate;
    const runs = [0, 1, 2, 3, 6].map((replicas) => simulate({ rate, service, replicas }));
    assert.ok(
      runs.every(({ arrived }) => arrived === runs[0].arrived),
      "the same arrivals",
    );
    for (let at = 1; at < runs.length; at += 1) {
      for (const kind of ["read", "write"]) {
        for (const figure of ["mean", "p99"])
          assert.ok(
            runs[at][kind][figure] <= runs[at - 1][kind][figure] * 1.01 + 0.1,
            `${at}: ${kind} ${figure}`,
          );
      }
    }
  }
});

test("below the limit no request waits too long, and above it some do", () => {
  for (const replicas of [0, 6]) {
    const setting = { service: SERVICE.middle, replicas };
    const { rate, read, write } = limit(setting);
    assert.ok(read.p99 <= PATIENCE && write.p99 <= PATIENCE && rate > 0);
    const above = simulate({ ...setting, rate: rate * 1.1 });
    assert.ok(Math.max(above.read.p99, above.write.p99) > PATIENCE);
  }
});

test("the larger the lag of a replica, the longer clients wait to read their own changes", () => {
  const [none, close, far] = [0, LAGS.near, LAGS.far].map(
    (lag) => simulate({ ...day, replicas: 2, lag }).own,
  );
  assert.equal(none.p99, 0);
  assert.ok(close.mean > 0 && far.mean > close.mean && far.p99 > close.p99);
});

test("bills and sizes add up", () => {
  assert.deepEqual(
    Object.keys(DAY).sort(),
    Object.keys(COSTS.kinds).sort(),
    "every kind has a price and a number a day",
  );
  const [few, some, many] = [1e3, 1e6, 1e7].map(month);
  assert.deepEqual(
    few.dollars,
    { worker: PRICES.month, rows: 0, storage: 0 },
    "the included amounts cost nothing",
  );
  assert.ok(few.amounts.requests < PRICES.requests.included);
  // Beyond the included amounts, every cost grows with the number of accounts.
  for (const [name, { included, million: price }] of Object.entries({
    rowsWritten: PRICES.rowsWritten,
    requests: PRICES.requests,
  })) {
    assert.ok(some.amounts[name] > included && price > 0, name);
    near(many.amounts[name], 10 * some.amounts[name], 0.001, name);
  }
  near(
    many.dollars.rows - some.dollars.rows,
    (many.amounts.rowsWritten - some.amounts.rowsWritten) / 1e6,
    1e-9,
    "dollars of rows written",
  );
  near(gigabytes(roomFor()).total, 8, 1e-9, "a database filled to four fifths");
  assert.ok(roomFor({ refreshEvent: 7 }) > roomFor());
  // The quotas bound the rows of an active account, a fifth of all, and of a session.
  const { refreshEvent, refreshToken, pair } = gigabytes(1e6);
  near(refreshEvent, (1e6 * 0.2 * 100 * COSTS.kept.refreshEvent.bytes) / 1e9, 1e-9, "100 events");
  assert.equal(gigabytes(1e6, { refreshEvent: 9_000 }).refreshEvent, refreshEvent);
  const rowsOf = (gb, kind) => (gb * 1e9) / COSTS.kept[kind].bytes;
  near(rowsOf(refreshToken, "refreshToken"), 2 * rowsOf(pair, "pair"), 1e-9, "two a session");
  const { rows, after } = million(COSTS.kinds.refresh);
  assert.deepEqual(
    after,
    { rowsRead: 10, rowsWritten: 2 },
    "its token and its event are removed one day",
  );
  near(rows, 14 + 31 / 1000, 1e-9, "a million refreshes");
});

test("the measured rows are those of docs/PERFORMANCE.md", () => {
  const called = {
    "Validate a session": "Validate a session, by cookie",
    "Read by an access token": "Validate an access token",
  };
  const lines = readFileSync("docs/PERFORMANCE.md", "utf8")
    .split("\n")
    .filter((line) => line.includes("| hamrah-api | 100 |"));
  const cells = lines.map((line) => line.split("|").map((cell) => cell.trim()));
  for (const { title, rowsRead, rowsWritten, batches } of Object.values(COSTS.kinds).filter(
    ({ reckoned }) => !reckoned,
  )) {
    const row = cells.find(([, name]) => name === (called[title] ?? title));
    assert.ok(row, `docs/PERFORMANCE.md has no row for: ${title}`);
    const [roundTrips, read, written] = [row[4], row[6], row[7]].map(Number);
    assert.deepEqual(
      [batches.length, rowsWritten],
      [roundTrips, written],
      `benches/costs.json is stale: ${title}`,
    );
    // The end of an index's range costs a row more or less.
    assert.ok(
      Math.abs(rowsRead - read) <= 3,
      `benches/costs.json is stale: ${title} reads ${read} rows`,
    );
  }
});

test("docs/SCALING.md holds the results of the simulation", () => {
  assert.ok(
    document() === markdown(report()),
    "docs/SCALING.md is out of date. Run: node benches/simulate.mjs --markdown",
  );
  assert.ok(
    readFileSync("docs/SCALING.md", "utf8").includes(PRICES.checked),
    "the date of the prices",
  );
});
