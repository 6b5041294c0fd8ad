// A software authenticator for WebAuthn: ES256, attestation `none`, user verified, and a rising
// counter.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED = 0x40;

const sha256 = (data) => createHash("sha256").update(data).digest();
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

/** Encodes the parts of an attestation as CBOR (RFC 8949): small integers, bytes, texts, maps. */
const cbor = (value) => {
  const head = (major, length) => {
    if (length < 24) return Buffer.from([(major << 5) | length]);
    if (length < 256) return Buffer.from([(major << 5) | 24, length]);
    return Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
  };
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string") return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const pairs = [...value].flatMap(([key, each]) => [cbor(key), cbor(each)]);
  return Buffer.concat([head(5, value.size), ...pairs]);
};

/** An authenticator with one credential, which `create` registers and `get` uses to sign in. */
export class Authenticator {
  #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  #id = randomBytes(32);
  #counter = 0;
  #origin;
  #rpId;
  #userHandle = "";

  constructor(origin) {
    this.#origin = origin;
    this.#rpId = new URL(origin).hostname;
  }

  #clientData(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.#origin, crossOrigin: false }));
  }

  #authenticatorData(flags, rest = Buffer.alloc(0)) {
    this.#counter += 1;
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#counter);
    return Buffer.concat([sha256(this.#rpId), Buffer.from([flags]), counter, rest]);
  }

  #credential(response) {
    const id = base64url(this.#id);
    return { id, rawId: id, type: "public-key", clientExtensionResults: {}, authenticatorAttachment: "platform", response };
  }

  #coseKey() {
    const { x, y } = this.#keys.publicKey.export({ format: "jwk" });
    const coordinate = (text) => Buffer.from(text, "base64url");
    return cbor(new Map([[1, 2], [3, -7], [-1, 1], [-2, coordinate(x)], [-3, coordinate(y)]]));
  }

  /** Returns the RegistrationResponseJSON for the options of a registration. */
  create({ challenge, user }) {
    this.#userHandle = user.id;
    const length = Buffer.from([0, this.#id.length]);
    const attested = Buffer.concat([Buffer.alloc(16), length, this.#id, this.#coseKey()]);
    const authData = this.#authenticatorData(USER_PRESENT | USER_VERIFIED | ATTESTED, attested);
    const attestationObject = cbor(new Map([["fmt", "none"], ["attStmt", new Map()], ["authData", authData]]));
    const clientDataJSON = base64url(this.#clientData("webauthn.create", challenge));
    return this.#credential({ clientDataJSON, attestationObject: base64url(attestationObject), transports: ["internal"] });
  }

  /** Returns the AuthenticationResponseJSON for the options of a sign-in. */
  get({ challenge }) {
    const clientData = this.#clientData("webauthn.get", challenge);
    const authenticatorData = this.#authenticatorData(USER_PRESENT | USER_VERIFIED);
    const signature = sign("sha256", Buffer.concat([authenticatorData, sha256(clientData)]), this.#keys.privateKey);
    return this.#credential({
      clientDataJSON: base64url(clientData),
      authenticatorData: base64url(authenticatorData),
      signature: base64url(signature),
      userHandle: this.#userHandle,
    });
  }
}
