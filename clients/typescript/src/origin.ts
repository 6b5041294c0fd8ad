/**
 * Returns the origin of a URL. Throws if the URL has more than an origin, because a path or a query
 * would be ignored, and a user name or a password could appear in error messages. Also throws for
 * plain http to another machine.
 */
export const originOf = (url: string): string => {
  const { origin, href, protocol, hostname } = URL.canParse(url)
    ? new URL(url)
    : { origin: "", href: "", protocol: "", hostname: "" };
  if (!/^https?:$/.test(protocol) || href !== `${origin}/`)
    throw new TypeError(
      "The API must be a service binding or a URL such as https://api.hamrah.app, without a path.",
    );
  // Headers carry keys and credentials, so plain http is allowed only to this machine.
  if (protocol === "http:" && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
    throw new TypeError("The URL of the API must start with https, except on localhost.");
  return origin;
};
