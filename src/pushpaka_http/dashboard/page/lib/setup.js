/** The state of the instance before sign-in. */
import { useEffect, useState } from "./html.js";
import { hrefOf } from "./router.js";

/** @returns {{has_accounts?: boolean, can_register?: boolean}} empty until it is loaded */
export function useSetup() {
  const [setup, setSetup] = useState({});
  useEffect(() => {
    const load = async () => setSetup(await (await fetch(hrefOf("/setup"), { cache: "no-store" })).json());
    load().catch(() => {}); // The form reports an unreachable server.
  }, []);
  return setup;
}
