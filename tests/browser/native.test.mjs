// The account page and the admin page, served by the native binary: the core of the cases.
import { CORE } from "./core.mjs";
import { suite } from "./suite.mjs";
import { native } from "./targets.mjs";

suite("native", native, Object.keys(CORE));
