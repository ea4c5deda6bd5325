/** What views are laid out with. */
import { html, useEffect, useRef } from "../html.js";
import { Link, usePlace, useTitle } from "../router.js";

/**
 * The head of a view, which also names the window.
 *
 * @param {{title: string, windowTitle?: string, back?: {to: string, label: string}, beside?: any,
 *   actions?: any}} props `beside`: what stands right after the title, as a Status; `children`: a
 *   line below it.
 */
export function PageHead({ title, windowTitle = title, back, beside, actions, children }) {
  useTitle(windowTitle);
  return html`
    <header class="page-head">
      ${back && html`<p class="back"><${Link} to=${back.to}>${back.label}<//><span aria-hidden="true">/</span></p>`}
      <div class="title"><h1>${title}</h1>${beside}</div>
      ${actions && html`<div class="actions">${actions}</div>`}
      ${children && html`<div class="about">${children}</div>`}
    </header>
  `;
}

/**
 * A framed part of a view.
 *
 * @param {{title?: string, hint?: any, actions?: any, isFlush?: boolean, kind?: "danger"}} props
 *   `isFlush`: its content reaches the frame, as a table does.
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

/** A word in a frame: tone "good", "bad", "busy", "wait", "idle". */
export const Badge = ({ tone = "idle", children }) => html`<span class="badge ${tone}">${children}</span>`;

/**
 * Links to the parts of a view.
 *
 * @param {{label: string, tabs: {to: string, label: string, count?: number}[]}} props
 */
export function Tabs({ label, tabs }) {
  const { path } = usePlace();
  const bar = useRef(null);
  useEffect(() => {
    bar.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [path]);
  return html`
    <nav class="tabs" aria-label=${label} ref=${bar}>
      ${tabs.map(
        ({ to, label: name, count }) => html`
          <${Link} key=${to} to=${to} aria-current=${to === path ? "page" : undefined}>
            ${name}${count !== undefined && html`<span class="count">${count}</span>`}
          <//>
        `,
      )}
    </nav>
  `;
}

/**
 * A table; on a narrow screen it is scrolled within itself.
 *
 * @param {{label: string, columns: {head: string, cell: (row: any) => any, isNarrow?: boolean,
 *   isHeadHidden?: boolean}[], rows: any[], keyOf?: (row: any) => string}} props `isNarrow`: as
 *   wide as its content.
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

/** Names with their values, as [["Branch", "main"], …]; what is null or false is left out. */
export function Facts({ facts }) {
  const said = facts.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return html`<dl class="facts">${said.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Holds the place of what is being loaded, so that nothing moves when it comes. */
export function Skeleton({ lines = 1, height = 16 }) {
  return html`
    <div class="skeleton" role="status" aria-label="Loading">
      ${Array.from({ length: lines }, (_, at) => html`<i key=${at} style=${{ height: `${height}px` }}></i>`)}
    </div>
  `;
}
