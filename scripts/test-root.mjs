// Generates the root of a test authority for App Attest. `hamrah-api attest make` certifies keys
// with it, and a service in development trusts it (docs/APP_ATTEST.md).
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** Returns a DER element with these parts as its content. */
const der = (tag, ...parts) => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
};
const hex = (text) => Buffer.from(text, "hex");
const sequence = (...parts) => der(0x30, ...parts);
const name = (oid, text) => der(0x31, sequence(hex(oid), der(0x0c, Buffer.from(text))));
const critical = (oid, value) => sequence(hex(oid), hex("0101ff"), der(0x04, hex(value)));

const ECDSA_SHA384 = sequence(hex("06082a8648ce3d040303"));
const SUBJECT = sequence(
  name("060355040a", "hamrah-api development"),
  name("0603550403", "Test App Attestation Root"),
);
const VALID = sequence(
  der(0x17, Buffer.from("200101000000Z")),
  der(0x17, Buffer.from("491231235959Z")),
);
const EXTENSIONS = sequence(
  // basicConstraints: an authority. keyUsage: keyCertSign.
  critical("0603551d13", "30030101ff"),
  critical("0603551d0f", "03020204"),
);

/** Returns a self-signed certificate in PEM on one line, and its key: 48 bytes in base64url. */
export const testRoot = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const content = sequence(
    der(0xa0, hex("020102")),
    // A positive number.
    der(0x02, Buffer.concat([hex("01"), randomBytes(15)])),
    ECDSA_SHA384,
    SUBJECT,
    VALID,
    SUBJECT,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, EXTENSIONS),
  );
  const signature = der(0x03, hex("00"), sign("sha384", content, privateKey));
  const certificate = sequence(content, ECDSA_SHA384, signature).toString("base64");
  return {
    certificate: `-----BEGIN CERTIFICATE-----${certificate}-----END CERTIFICATE-----`,
    privateKey: privateKey.export({ format: "jwk" }).d,
  };
};
