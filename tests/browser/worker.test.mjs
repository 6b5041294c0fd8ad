// The account page and the admin page, served by the Worker in workerd: every case.
import { suite } from "./suite.mjs";
import { worker } from "./targets.mjs";

suite("worker", worker);
