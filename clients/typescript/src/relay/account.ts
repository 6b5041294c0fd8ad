/** Sign-up and sign-in at the relay. The response has the token for `createRelay`. */
import type { components } from "../schema.js";
import { type CallOptions, type Fetch, Rest } from "./rest.js";

type Schemas = components["schemas"];

/** A sign-in with its tokens and its account. */
export type SignIn = Schemas["RelaySignIn"];

export interface AccountOptions extends CallOptions {
  /** Origin of the API, such as `https://api.hamrah.app`. */
  origin: string;
  /** Sends a request. The default is `fetch`. */
  fetch?: Fetch;
}

const post = (path: string, body: unknown, { signal, ...rest }: AccountOptions): Promise<SignIn> =>
  new Rest(rest).call("POST", path, { body, ...(signal && { signal }) });

/** Makes an account with its public keys. */
export const register = (
  request: Schemas["RelayRegisterRequest"],
  options: AccountOptions,
): Promise<SignIn> => post("/auth/register", request, options);

/** Signs in with a password. Throws a 401 `totp_required` if the account has TOTP. */
export const login = (
  request: Schemas["RelayLoginRequest"],
  options: AccountOptions,
): Promise<SignIn> => post("/auth/login", request, options);

/** Exchanges a refresh token for new tokens. */
export const refresh = (refreshToken: string, options: AccountOptions): Promise<SignIn> =>
  post("/auth/refresh", { refresh_token: refreshToken }, options);
