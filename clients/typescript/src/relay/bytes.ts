/** Bytes for the relay. A string is base64 in the standard alphabet. */
export type Bytes = Uint8Array | string;

/** Returns bytes as base64 in the standard alphabet, with padding. */
export const toBase64 = (bytes: Bytes): string => {
  if (typeof bytes === "string") return bytes;
  let text = "";
  // In parts, because a function takes a limited number of arguments.
  for (let start = 0; start < bytes.length; start += 8192)
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return btoa(text);
};

/** Returns the bytes of base64. Throws if the text is not base64. */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** Returns random bytes, 16 unless another number is given. */
export const randomBytes = (length = 16): Uint8Array<ArrayBuffer> =>
  crypto.getRandomValues(new Uint8Array(length));
