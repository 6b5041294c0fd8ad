// What takes many calls between wasm and JavaScript, in one: a request comes in as one text, an answer goes out whole.

/** Clients send twenty. */
const MOST_HEADERS = 256;

/** Method, address, country, then name and value of each header, a line to each: none can hold a line break (Fetch §2.2). Nothing if
 * there are too many. */
export const read = (request) => {
  const { method } = request;
  // The country is parsed by workerd when it is asked for, and told only of what changes something.
  const country = method === "GET" || method === "HEAD" ? "" : String(request.cf?.country ?? "");
  let lines = `${method}\n${request.url}\n${/^[A-Z0-9]{2}$/.test(country) ? country : ""}`;
  let count = 0;
  for (const [name, value] of request.headers) {
    if ((count += 1) > MOST_HEADERS) return undefined;
    lines += `\n${name}\n${value}`;
  }
  return lines;
};

/** `headers` as above; `body` lies in the module's memory, which changes: a copy of it is sent. */
export const answer = (status, headers, body) => {
  const lines = headers.split("\n");
  const pairs = [];
  for (let index = 0; index + 1 < lines.length; index += 2) pairs.push([lines[index], lines[index + 1]]);
  return new Response(body.length > 0 ? body.slice() : null, { status, headers: pairs });
};
