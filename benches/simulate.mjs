// Simulates the cost of many accounts and the limit of one D1 database. docs/SCALING.md contains
// and explains the figures.
//
//   node benches/simulate.mjs     prints the tables        --json       everything, as JSON
//   --markdown                    writes the tables into docs/SCALING.md
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const DOCUMENT = new URL("../docs/SCALING.md", import.meta.url);
const BEGIN = "<!-- figures: written by `node benches/simulate.mjs --markdown` -->";
const END = "<!-- end of figures -->";
export const COSTS = JSON.parse(readFileSync(new URL("costs.json", import.meta.url), "utf8"));

/**
 * List prices of Workers Paid and D1 in dollars, read on PRICES.checked. docs/SCALING.md names
 * their sources.
 */
export const PRICES = {
  checked: "2026-11-22",
  month: 5,
  requests: { included: 10e6, million: 0.3 },
  cpuMs: { included: 30e6, million: 0.02 },
  rowsRead: { included: 25e9, million: 0.001 },
  rowsWritten: { included: 50e6, million: 1 },
  storage: { included: 5, gigabyte: 0.75 },
  largestGigabytes: 10,
};

// The users. These figures are assumptions about a consumer app, not measurements.
export const POPULATIONS = [1e3, 1e5, 1e6, 1e7];
/**
 * The share of accounts that are active on a day: a fifth, which is high for a product without
 * daily use.
 */
const ACTIVE = 0.2;
/**
 * The share of all accounts that were created within the year: half, for a service that doubles
 * yearly.
 */
const NEW_A_YEAR = 0.5;
/** Passkeys per account: most accounts have one, some two, some none. */
const PASSKEYS = 1;
/** The requests of an active account per day, by the kinds in costs.json. */
export const DAY = {
  // The web app or its server validates the session for each page.
  "validate-session": 30,
  // The mobile app and other APIs send an access token.
  "read-by-token": 10,
  // A user looks at the account page every fifth day.
  list: 0.2,
  // A web session is used in two different hours, and its use is noted once an hour.
  "note-use": 2,
  // The app is used in four different hours, and an access token is valid for one.
  refresh: 4,
  // A user signs in with a provider every tenth day, because users change browsers, and sessions last
  // only thirty days.
  "create-session": 0.1,
  // Sign-ins by passkey are as frequent. Half as many again begin without completing, because the
  // page begins one for the browser's autofill.
  "sign-in-begin": 0.15,
  "sign-in-complete": 0.1,
  // All new accounts sign up by passkey. Half as many sign-ups begin without completing.
  "sign-up-begin": (1.5 * NEW_A_YEAR) / 365 / ACTIVE,
  "sign-up-complete": NEW_A_YEAR / 365 / ACTIVE,
  // Few users ever sign out.
  "sign-out": 0.02,
};
/** The number of days in a bill. */
const MONTH = 30;
/**
 * The load of a day is a sine around its mean: 1.8 times in the evening and 0.2 times at night, for
 * users in few time zones.
 */
const SWING = 0.8;
/**
 * A burst, as after a newsletter or a push message, doubles the load for five seconds. One of them
 * is at the top of the sine.
 */
const BURST = { factor: 2, seconds: 5, every: 40 };
export const PEAK = (1 + SWING) * BURST.factor;
/** The share of a database that may be full. The rest leaves the operator time to act. */
const FILL = 0.8;
/**
 * The most rows of a kind that the cleanup removes in a minute (CLEANUP_BATCH, CLEANUP_ROUNDS in
 * src/kernel/store/mod.rs).
 */
const SWEPT_A_MINUTE = 4000;

const sum = (values) => values.reduce((total, value) => total + value, 0);
const kinds = Object.entries(COSTS.kinds).map(([id, kind]) => ({ id, ...kind, day: DAY[id] }));
/** Returns the mean number of batches per account and day: of reads (`r`) or of writes (`w`). */
const batchesOf = (letter) => ACTIVE * sum(kinds.map(({ day, batches }) => day * (batches.split(letter).length - 1)));
const [READS, WRITES] = [batchesOf("r"), batchesOf("w")];
export const WRITE_SHARE = WRITES / (READS + WRITES);
/** Returns the mean number of rows per account and day of the kind `name` in `kept`. */
const left = (name) => ACTIVE * sum(kinds.map((kind) => kind.day * (kind.leaves[name] ?? 0)));

/**
 * Returns the numbers of rows that the database reads and writes later because of one request, to
 * remove expired rows and to deliver events to the webhook.
 */
const later = ({ leaves }) => {
  const { removed, notice } = COSTS.upkeep;
  const gone = sum(Object.entries(leaves).map(([name, rows]) => (COSTS.kept[name].days === null ? 0 : rows)));
  const both = (rows) => gone * removed[rows] + (leaves.event ?? 0) * notice[rows];
  return { rowsRead: both("rowsRead"), rowsWritten: both("rowsWritten") };
};

/**
 * Returns the mean number of rows of a kind per account after a year: those that are younger than
 * `days`, within the quotas. The same fifth of the accounts is active each day, so only they have a
 * quota's number of rows.
 */
const staying = (name, days) => {
  const { most, aPair } = COSTS.kept[name];
  const pairs = aPair === undefined ? Infinity : aPair * left("pair") * COSTS.kept.pair.days;
  const quota = most === undefined ? Infinity : most * ACTIVE;
  return Math.min(left(name) * days, quota, pairs);
};

/**
 * Returns the gigabytes of a database after a year, by kind of row. `kept` overrides the number of
 * days for which rows of a kind are kept.
 */
export const gigabytes = (accounts, kept = {}) => {
  const parts = { account: (accounts * (COSTS.account.bytes + PASSKEYS * COSTS.account.passkeyBytes)) / 1e9 };
  for (const [name, { bytes, days }] of Object.entries(COSTS.kept)) parts[name] = (accounts * bytes * staying(name, kept[name] ?? days ?? 365)) / 1e9;
  return { ...parts, total: sum(Object.values(parts)) };
};

/** Returns the number of accounts that fit into one database. */
export const roomFor = (kept) => (FILL * PRICES.largestGigabytes) / gigabytes(1, kept).total;
const beyond = (amount, { included, million }) => (Math.max(0, amount - included) / 1e6) * million;

/**
 * Returns the figures of a month with this number of accounts: amounts, size, dollars, the batches
 * per second, and the refresh tokens that expire per day.
 */
export const month = (accounts) => {
  const total = (of) => accounts * ACTIVE * MONTH * sum(kinds.map((kind) => kind.day * of(kind)));
  const amounts = {
    // Runs of the cron trigger count as requests.
    requests: total(({ request = true }) => Number(request)) + MONTH * 1440,
    cpuMs: total(({ cpuMs }) => cpuMs),
    rowsRead: total((kind) => kind.rowsRead + later(kind).rowsRead),
    rowsWritten: total((kind) => kind.rowsWritten + later(kind).rowsWritten),
  };
  const size = gigabytes(accounts);
  const dollars = {
    worker: PRICES.month + beyond(amounts.requests, PRICES.requests) + beyond(amounts.cpuMs, PRICES.cpuMs),
    rows: beyond(amounts.rowsRead, PRICES.rowsRead) + beyond(amounts.rowsWritten, PRICES.rowsWritten),
    storage: Math.max(0, size.total - PRICES.storage.included) * PRICES.storage.gigabyte,
  };
  const perSecond = { reads: (accounts * READS) / 86_400, writes: (accounts * WRITES) / 86_400 };
  return { accounts, amounts, size, dollars, perSecond, tokensADay: accounts * COSTS.kept.refreshToken.aPair * left("pair") };
};

/**
 * Returns the prices of a million requests of a kind, beyond the amounts that the plan includes.
 * `after` is the result of `later` for one request.
 */
export const million = (kind) => {
  const after = later(kind);
  const rows = (kind.rowsRead + after.rowsRead) * PRICES.rowsRead.million + (kind.rowsWritten + after.rowsWritten) * PRICES.rowsWritten.million;
  return { requests: (kind.request ?? true) ? PRICES.requests.million : 0, cpu: kind.cpuMs * PRICES.cpuMs.million, rows, after };
};

// One database as a queue. The times for which a batch occupies the database, in milliseconds, are
// assumptions, which docs/SCALING.md explains.
export const SERVICE = { fast: { read: 0.2, write: 1.5 }, middle: { read: 0.4, write: 4 }, slow: { read: 1, write: 10 } };
/**
 * The cost of a change at a replica, as a share of its cost at the primary. It is lower, because a
 * replica applies the change without any lookup.
 */
const APPLY = 0.25;
/**
 * The share of reads that a replica may answer. The primary validates sessions. A replica answers
 * reads with an access token.
 */
const OFFLOAD = 0.25;
/**
 * The share of reads at replicas that come from the region with the most callers. One replica
 * answers all of them, however many replicas there are.
 */
const HOME = 0.5;
/**
 * The share of the reads at replicas that carry the bookmark of a change by the same client, and
 * the average age of that change.
 */
const OWN = { share: 0.1, milliseconds: 2000 };
/** The average lag of replicas, in milliseconds. The lag is exponentially distributed. */
export const LAGS = { near: 100, far: 1200 };
/** The longest acceptable wait in the queue for 99 of 100 requests, in milliseconds. */
export const PATIENCE = 50;
/**
 * A simulated day takes eight minutes, with twelve bursts, which together take an eighth of that
 * time. A steady load needs less time.
 */
const SECONDS = { day: 480, steady: 120 };

/** The generator mulberry32. The same seed gives the same numbers on every machine. */
export const random = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};

/** Returns a counter of waiting times, with a resolution of a tenth of a millisecond. */
const histogram = () => {
  const counts = new Uint32Array(200_001);
  const seen = { count: 0, total: 0 };
  const add = (milliseconds) => {
    counts[Math.min(200_000, Math.floor(milliseconds * 10))] += 1;
    [seen.count, seen.total] = [seen.count + 1, seen.total + milliseconds];
  };
  const told = () => {
    let [at, before] = [0, 0];
    while (at < 200_000 && before + counts[at] <= 0.99 * seen.count) before += counts[at++];
    return { count: seen.count, mean: seen.count > 0 ? seen.total / seen.count : 0, p99: at / 10 };
  };
  return { add, told };
};

/**
 * Runs batches through one primary and its replicas. Each database takes one batch at a time, in
 * the order of arrival. Batches arrive in a Poisson process, at a constant rate if `steady`,
 * otherwise with the sine and the bursts of a day. `rate` is in batches per second: the mean of
 * the day without the bursts.
 */
export const simulate = ({ rate, service, replicas = 0, writeShare = WRITE_SHARE, steady = false, lag = LAGS.near, seconds, seed = 1 }) => {
  seconds ??= steady ? SECONDS.steady : SECONDS.day;
  const [arrivals, mixes, routes, bookmarks] = [1, 2, 3, 4].map((stream) => random(seed * 7919 + stream * 104_729));
  const exponential = (draw, mean) => -Math.log(1 - draw()) * mean;
  const servers = Array.from({ length: 1 + replicas }, () => ({ free: 0, busy: 0, idle: 0, served: 0 }));
  const waits = { read: histogram(), write: histogram(), own: histogram() };
  const take = (server, now, milliseconds) => {
    const begins = Math.max(now, server.free);
    server.idle += begins - server.free;
    server.busy += milliseconds;
    server.free = begins + milliseconds;
    return begins - now;
  };
  const rateAt = (now) => {
    if (steady) return rate;
    const second = now / 1000;
    const burst = (second + BURST.every - (seconds / 4) % BURST.every) % BURST.every < BURST.seconds ? BURST.factor : 1;
    return rate * (1 + SWING * Math.sin((2 * Math.PI * second) / seconds)) * burst;
  };
  let [now, arrived] = [0, 0];
  for (;;) {
    now += exponential(arrivals, 1000 / rateAt(now));
    if (now >= seconds * 1000) break;
    arrived += 1;
    // Every arrival draws the same random numbers, used or not, so that another number of replicas
    // changes nothing else.
    const [isWrite, route, own] = [mixes() < writeShare, routes(), bookmarks() < OWN.share];
    const [age, behind] = [exponential(bookmarks, OWN.milliseconds), exponential(bookmarks, lag)];
    if (isWrite || replicas === 0 || route >= OFFLOAD) {
      servers[0].served += 1;
      waits[isWrite ? "write" : "read"].add(take(servers[0], now, isWrite ? service.write : service.read));
      for (let at = 1; isWrite && at <= replicas; at += 1) take(servers[at], now, APPLY * service.write);
    } else {
      const where = route / OFFLOAD;
      const at = replicas === 1 || where < HOME ? 1 : 2 + Math.floor(((where - HOME) / (1 - HOME)) * (replicas - 1));
      servers[at].served += 1;
      waits.read.add(take(servers[at], now, service.read));
      if (own) waits.own.add(Math.max(0, behind - age));
    }
  }
  const ends = Math.max(now, ...servers.map(({ free }) => free));
  for (const server of servers) server.idle += ends - server.free;
  return { arrived, ends, servers, read: waits.read.told(), write: waits.write.told(), own: waits.own.told() };
};

/**
 * Returns the highest mean rate at which 99 of 100 reads and 99 of 100 writes wait at most
 * PATIENCE, with the simulation at that rate.
 */
export const limit = (setting) => {
  const { service, replicas = 0, writeShare = WRITE_SHARE } = setting;
  let [low, high] = [0, 1100 / (writeShare * service.write + (1 - writeShare) * (replicas > 0 ? 1 - OFFLOAD : 1) * service.read)];
  for (let round = 0; round < 8; round += 1) {
    const rate = (low + high) / 2;
    const { read, write } = simulate({ ...setting, rate });
    if (Math.max(read.p99, write.p99) <= PATIENCE) low = rate;
    else high = rate;
  }
  return { rate: low, ...simulate({ ...setting, rate: low }) };
};

/** Returns all figures of docs/SCALING.md. */
export const report = () => {
  const ends = (setting) => ({ ...setting, day: limit(setting), steady: limit({ ...setting, steady: true }) });
  const limits = Object.entries(SERVICE).flatMap(([name, service]) => [0, 1, 6].map((replicas) => ends({ name, service, replicas })));
  const own = Object.values(LAGS).map((lag) => ({ lag, ...simulate({ rate: 200, service: SERVICE.middle, replicas: 6, lag }).own }));
  const room = [90, 30, 7, 1].map((days) => ({ days, accounts: roomFor({ refreshEvent: days }) }));
  return { prices: PRICES, months: POPULATIONS.map(month), room, limits, own };
};

const grouped = (value) => Math.round(value).toLocaleString("en");
const short = (value) => (value >= 100 ? grouped(Number(value.toPrecision(3))) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const dollars = (value) => `$${value >= 100 ? grouped(value) : value.toFixed(2)}`;
const table = (heads, rows) =>
  [heads, heads.map((_, at) => (at === 0 ? "---" : "--:")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** Returns the tables of docs/SCALING.md. */
export const markdown = ({ months, room, limits, own }) => {
  const parts = ["### A million requests, beyond what the plan includes"];
  const request = (kind) => {
    const { requests, cpu, rows, after } = million(kind);
    const counts = [kind.batches, kind.cpuMs.toFixed(1), kind.rowsRead, kind.rowsWritten, `${after.rowsRead} / ${after.rowsWritten}`];
    return [kind.title + (kind.reckoned ? " *" : ""), ...counts, ...[requests, cpu, rows, requests + cpu + rows].map(dollars)];
  };
  parts.push(table(["", "batches", "CPU ms", "rows read", "written", "later, read / written", "requests", "CPU", "rows", "sum"], kinds.map(request)));
  parts.push(`\\* ${COSTS.about.reckoned}`);
  parts.push("### A month");
  const bill = ({ accounts, amounts, size, dollars: { worker, rows, storage } }) => {
    const millions = Object.values(amounts).map((amount) => short(amount / 1e6));
    return [grouped(accounts), ...millions, short(size.total), ...[worker, rows, storage, worker + rows + storage].map(dollars)];
  };
  const amounts = ["million requests", "million CPU ms", "million rows read", "written", "GB after a year"];
  parts.push(table(["accounts", ...amounts, "requests and CPU", "rows", "storage", "sum"], months.map(bill)));
  parts.push("### Batches a second, and databases");
  const { rate } = limits.find(({ name, replicas }) => name === "middle" && replicas === 0).day;
  const load = ({ accounts, perSecond: { reads, writes }, size, tokensADay }) => {
    const databases = [Math.ceil(size.total / PRICES.largestGigabytes / FILL), Math.ceil((reads + writes) / rate)];
    return [grouped(accounts), ...[reads, writes, PEAK * reads, PEAK * writes].map(short), ...databases, `${short((100 * tokensADay) / (SWEPT_A_MINUTE * 1440))} %`];
  };
  const loads = ["reads, mean", "writes, mean", "reads, peak", "writes, peak", "databases by size", "by load", "expired refresh tokens, share of the cleanup limit"];
  parts.push(table(["accounts", ...loads], months.map(load)));
  parts.push("### The size of a database by kind of row, with a million accounts after a year");
  const { size } = months.find(({ accounts }) => accounts === 1e6);
  parts.push(table(["", ...Object.keys(size)], [["GB", ...Object.values(size).map(short)]]));
  parts.push(table(["days that refresh events are kept", "accounts in one database"], room.map(({ days, accounts }) => [days, short(accounts)])));
  parts.push("### The highest daily mean in batches a second at which 99 of 100 wait at most 50 ms");
  const ends = ({ name, service, replicas, day, steady }) => {
    const rates = [steady.rate, day.rate, day.rate * PEAK, day.rate * PEAK * WRITE_SHARE].map(short);
    const p99 = [day.read.p99, day.write.p99].map((milliseconds) => milliseconds.toFixed(1));
    return [`${name}: ${service.read} / ${service.write} ms`, replicas, ...rates, ...p99, short((day.rate * 86_400) / (READS + WRITES))];
  };
  const columns = ["time of a read / a write", "replicas", "no peaks", "with peaks", "at the peak", "of which writes", "p99 reads", "p99 writes", "accounts"];
  parts.push(table(columns, limits.map(ends)));
  parts.push("### Reads of a client's own change at a replica");
  const waiting = own.map(({ lag, mean, p99 }) => [lag, mean.toFixed(0), p99.toFixed(0)]);
  parts.push(table(["mean lag of replicas, ms", "mean wait of a read with a bookmark, ms", "p99 of the wait, ms"], waiting));
  return parts.join("\n\n");
};

/** Returns the tables found in docs/SCALING.md. If `text` is given, replaces them with it. */
export const document = (text) => {
  const page = readFileSync(DOCUMENT, "utf8");
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error("docs/SCALING.md has no place for figures");
  if (text !== undefined) writeFileSync(DOCUMENT, `${page.slice(0, before)}${BEGIN}\n\n${text}\n\n${page.slice(after)}`);
  return page.slice(before + BEGIN.length, after).trim();
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: flags } = parseArgs({ options: { json: { type: "boolean" }, markdown: { type: "boolean" } } });
  const figures = report();
  if (flags.markdown) document(markdown(figures));
  if (flags.json) console.log(JSON.stringify(figures, null, 2));
  if (!flags.json && !flags.markdown) console.log(markdown(figures));
}
