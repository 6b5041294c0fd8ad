/** The URL must be an origin: a path or query in it would silently be dropped, a user or password would end up in messages. */
export const originOf = (url: string): string => {
  const { origin, href, protocol, hostname } = URL.canParse(url)
    ? new URL(url)
    : { origin: "", href: "", protocol: "", hostname: "" };
  if (!/^https?:$/.test(protocol) || href !== `${origin}/`)
    throw new TypeError("api must be a service binding or a URL like https://api.hamrah.app");
  // Keys and credentials travel in headers: in the clear only on this machine.
  if (protocol === "http:" && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
    throw new TypeError("api must be https, except on localhost");
  return origin;
};
