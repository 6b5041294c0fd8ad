.DEFAULT_GOAL := help
.PHONY: help setup packages pages build dev fuzz test test-native test-worker bench bench-native instructions check fmt openapi deploy clean

# What prettier formats.
TYPESCRIPT := 'web/**/*.{ts,css,html}' 'clients/typescript/**/*.{ts,mjs}' '{scripts,tests}/**/*.{mjs,ts}'

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## Install the tools that dev, build and test need (they do it themselves)
	@node scripts/tools.mjs worker

# The node packages and the wasm32 target: enough where no Worker is built.
packages: ## Install the node packages
	@node scripts/tools.mjs

pages: packages ## Build the account page and the admin page, into dist/
	@node scripts/build-pages.mjs --release

build: setup pages ## Build the Worker for release, into build/
	@node scripts/build-worker.mjs --release

dev: setup ## Run the Worker on http://localhost:8787 with a local D1
	@node scripts/build-pages.mjs --dev
	@node scripts/build-worker.mjs --dev
	@node scripts/dev.mjs $(ARGS)

test: setup check ## Run every test, on both targets and in a browser
	@node scripts/chromium.mjs
	@node scripts/build-pages.mjs --release
	@node scripts/build-tests.mjs
	@node benches/size.mjs --check
	@node scripts/test.mjs

test-native: ## Run the native tests only
	cargo test

test-worker: setup ## Run the tests against the Worker only, in a development build
	@node scripts/build-worker.mjs --dev
	@node scripts/test.mjs --worker-only

fuzz: ## Fuzz the parsers for FUZZ_SECONDS (20) each
	@node scripts/tools.mjs fuzz
	@node scripts/fuzz.mjs

bench: build ## Measure the Worker beside better-auth: make bench ARGS=--quick; docs/PERFORMANCE.md
	@npm ci --prefix benches --silent
	@node benches/run.mjs $(ARGS)

bench-native: packages ## Measure the native server beside bare axum and sqlx: make bench-native ARGS=--quick
	@node benches/native.mjs $(ARGS)

instructions: ## Count the instructions of a request by valgrind; docs/INSTRUCTIONS.md
	@node benches/instructions.mjs $(ARGS)

check: packages ## Format, lints, generated files
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --target wasm32-unknown-unknown -- -D warnings
	cargo fmt --check --manifest-path clients/rust/Cargo.toml
	cargo fmt --check --manifest-path tests/partners/Cargo.toml
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	CARGO_TARGET_DIR=target/clients cargo clippy --manifest-path clients/rust/Cargo.toml --all-targets -- -D warnings
	CARGO_TARGET_DIR=target/clients cargo clippy --manifest-path tests/partners/Cargo.toml --all-targets -- -D warnings
	node_modules/.bin/tsc -p clients/typescript --noEmit
	node_modules/.bin/tsc -p web --noEmit
	node_modules/.bin/prettier --check --log-level warn $(TYPESCRIPT)
	@node scripts/fresh.mjs
	@node scripts/prose.mjs --check
	@node scripts/commits.mjs

fmt: packages ## Format the code
	cargo fmt
	cargo fmt --manifest-path clients/rust/Cargo.toml
	cargo fmt --manifest-path tests/partners/Cargo.toml
	cargo fmt --manifest-path fuzz/Cargo.toml
	node_modules/.bin/prettier --write --log-level warn $(TYPESCRIPT)

openapi: packages ## Write openapi.json, the reference and the TypeScript types again
	cargo run --quiet -- openapi > openapi.json.new && mv openapi.json.new openapi.json
	cargo run --quiet -- openapi --html > public/docs.html.new && mv public/docs.html.new public/docs.html
	node_modules/.bin/openapi-typescript openapi.json --output clients/typescript/src/schema.ts

deploy: build ## Deploy: make deploy ENV=preview or ENV=production; migrations before code
	@node scripts/deploy.mjs $(ENV)

clean: ## Remove what was built; tools and the local database stay
	cargo clean
	rm -rf build dist
