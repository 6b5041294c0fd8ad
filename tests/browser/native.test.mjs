// The account page and the admin page, served by the native binary.
import { suite } from "./suite.mjs";
import { native } from "./targets.mjs";

suite("native", native);
