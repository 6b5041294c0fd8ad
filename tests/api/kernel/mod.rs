//! The features of every system: webhooks, rate limits and the checks of browser requests.

mod cross_site;
mod preflights;
mod rate_limits;
mod webhook_retries;
mod webhook_shares;
mod webhooks;
