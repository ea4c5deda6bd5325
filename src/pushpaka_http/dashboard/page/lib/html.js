/**
 * Preact with `html` templates.
 *
 *     import { html, useState } from "../lib/html.js";
 *     export default function View() { return html`<p class="hint">Hello.</p>`; }
 *
 * Values in a template become text or elements, never markup.
 */
import { h } from "../vendor/preact.mjs";
import htm from "../vendor/htm.mjs";

export { createContext, render } from "../vendor/preact.mjs";
export { useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.mjs";

export const html = htm.bind(h);
