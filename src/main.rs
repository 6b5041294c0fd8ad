//! The native binary: `hamrah-api serve`, `migrate`, `keys generate`, `doctor`, `passkey`,
//! `openapi`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    hamrah_api::platform::native::main()
}

/// The Worker is the library; a binary for wasm has nothing to do.
#[cfg(target_arch = "wasm32")]
fn main() {}
