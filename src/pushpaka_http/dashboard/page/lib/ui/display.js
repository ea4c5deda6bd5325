/** Layout components. */
import { html, useEffect, useRef } from "../html.js";
import { Link, useLocation, useTitle } from "../router.js";

/**
 * The header of a view. Also sets the title of the window.
 *
 * @param {{title: string, path?: {to: string, label: string}[], here?: string, beside?: any,
 *   actions?: any}} props `path`: the breadcrumbs above this view, whose own is `here`; `beside`:
 *   follows the title, such as a Status; `children`: a line below the title.
 */
export function PageHead({ title, path = [], here = title, beside, actions, children }) {
  useTitle([here, ...path.slice(1).map(({ label }) => label).reverse()].join(" · "));
  return html`
    <header class="page-head">
      ${path.length > 0 && html`<nav class="back" aria-label="Breadcrumbs">${path.map(({ to, label }) => html`<${Link} key=${to} to=${to}>${label}<//><span aria-hidden="true">/</span>`)}<span aria-current="page">${here}</span></nav>`}
      <div class="title"><h1>${title}</h1>${beside}</div>
      ${actions && html`<div class="actions">${actions}</div>`}
      ${children && html`<div class="about">${children}</div>`}
    </header>
  `;
}

/**
 * A card.
 *
 * @param {{title?: string, hint?: any, actions?: any, isFlush?: boolean, kind?: "danger"}} props
 *   `isFlush`: without padding, for tables and lists.
 */
export function Card({ title, hint, actions, isFlush = false, kind = "", children, ...more }) {
  return html`
    <section ...${more} class="card ${kind} ${isFlush ? "flush" : ""} ${more.class ?? ""}">
      ${
        (title || actions) &&
        html`<header>
          <div>${title && html`<h2>${title}</h2>`}${hint && html`<p class="hint">${hint}</p>`}</div>
          ${actions && html`<div class="actions">${actions}</div>`}
        </header>`
      }
      <div class="content">${children}</div>
    </section>
  `;
}

/** A badge: tone "good", "bad", "busy", "wait" or "idle". */
export const Badge = ({ tone = "idle", children }) => html`<span class="badge ${tone}">${children}</span>`;

/** A link to another site, which opens in a new tab. */
export const ExternalLink = (props) => html`<a ...${props} target="_blank" rel="noopener noreferrer" />`;

/**
 * Links to the tabs of a view.
 *
 * @param {{label: string, tabs: {to: string, label: string}[]}} props
 */
export function Tabs({ label, tabs }) {
  const { path } = useLocation();
  const bar = useRef(null);
  useEffect(() => {
    bar.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [path]);
  return html`
    <nav class="tabs" aria-label=${label} ref=${bar}>
      ${tabs.map((tab) => html`<${Link} key=${tab.to} to=${tab.to} aria-current=${tab.to === path ? "page" : undefined}>${tab.label}<//>`)}
    </nav>
  `;
}

/**
 * A table, which scrolls horizontally on narrow screens.
 *
 * @param {{label: string, columns: {head: string, cell: (row: any) => any, isNarrow?: boolean,
 *   isHeadHidden?: boolean}[], rows: any[], keyOf?: (row: any) => string}} props `isNarrow`: as
 *   wide as the content.
 */
export function Table({ label, columns, rows, keyOf = (row) => row.id }) {
  return html`
    <div class="table" role="region" aria-label=${label} tabindex="0">
      <table>
        <thead>
          <tr>${columns.map((each) => html`<th scope="col" class=${each.isNarrow ? "narrow" : ""}><span class=${each.isHeadHidden ? "unseen" : ""}>${each.head}</span></th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`<tr key=${keyOf(row)}>${columns.map((each) => html`<td class=${each.isNarrow ? "narrow" : ""}>${each.cell(row)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

/** Names and values, such as [["Branch", "main"], …]. Values that are null, undefined or false are omitted. */
export function DescriptionList({ items }) {
  const shown = items.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A placeholder while content loads, as high as the content, so that nothing moves when it appears. */
export function Skeleton({ lines = 1, height = 16 }) {
  return html`
    <div class="skeleton" role="status" aria-label="Loading">
      ${Array.from({ length: lines }, (_, at) => html`<i key=${at} style=${{ height: `${height}px` }}></i>`)}
    </div>
  `;
}
