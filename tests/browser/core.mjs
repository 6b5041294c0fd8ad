// The cases that run natively too. All cases run on the Worker. Both targets serve the same pages
// over the same routes, which the API's cases test on both, so the core needs one way through
// everything that each target does by itself: serving files, cookies, and the database.
//
// The name of each case, and the reason why it is in the list.
export const CORE = {
  "a visitor signs up, signs out, and signs in with a passkey, by button and by autofill":
    "signing up, out and in set and remove the cookie",
  "an address in use is reported at its field, and leaves no passkey on the authenticator":
    "the page shows a constraint of the database at its field",
  "an owner without a passkey recovers the account with a backup code, and all other sessions end":
    "a recovery changes rows of many tables",
  "admin: people, services, roles and permissions are created, related, granted, explained and deleted":
    "the admin page uses most routes of the authorization service",
  "pages, scripts and styles are sent with the headers of web/_headers":
    "the native server serves files with its own code",
  "the browser refuses injected HTML, scripts and requests to other origins":
    "the browser enforces the policy that the native server sends",
};
