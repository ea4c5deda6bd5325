/**
 * What views are written with: `html` templates, and the hooks of Preact.
 *
 *     import { html, useState } from "../lib/html.js";
 *     export default function View() { return html`<p class="hint">Hello.</p>`; }
 *
 * What is put into a template is text or an element, never markup: a view has no way to set any.
 */
import { h } from "../vendor/preact.mjs";
import htm from "../vendor/htm.mjs";

export { Fragment, createContext, createRef, h, render } from "../vendor/preact.mjs";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../vendor/hooks.mjs";

/** Makes elements of a template: html`<${Component} name=${value}>…<//>`. */
export const html = htm.bind(h);
