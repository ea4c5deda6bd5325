/** Loads the modules of views on demand. */
import { html, useEffect, useState } from "./html.js";
import { Button, Empty } from "./ui.js";

const loaded = new Map();

/**
 * Load a module once, and return its default export.
 *
 * @param {string} name the cache key
 * @param {() => Promise<object>} load imports the module
 * @returns {{Loaded: Function | undefined, isFailed: boolean}}
 */
export function useModule(name, load) {
  const [, setCount] = useState(0);
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    if (loaded.has(name)) return;
    load().catch(load).then(
      (module) => {
        loaded.set(name, module.default);
        setCount((count) => count + 1);
      },
      () => setFailed(name),
    );
  }, [name]);
  return { Loaded: loaded.get(name), isFailed: failed === name };
}

/** A module that cannot be loaded: the files of a version are gone once the server has a newer one. */
export function ModuleFailed() {
  const reload = html`<${Button} kind="primary" onClick=${() => window.location.reload()}>Reload the page<//>`;
  return html`
    <${Empty} title="This page could not be loaded" icon="refresh" action=${reload}>
      The server cannot be reached, or it has been updated. Reload the page.
    <//>
  `;
}
