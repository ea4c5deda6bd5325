/** Charts of bars, which are tables as well for who would rather read. */
import { html } from "../../lib/html.js";

/** How much of a bar's place it takes, and where it begins. */
const WIDTH = 0.7;
const INSET = (1 - WIDTH) / 2;

/**
 * Bars of parts that stand on each other, as high as the highest together.
 *
 * @param {{label: string, columns: string[], write: (value: number) => string,
 *   bars: {name: string, parts: {value: number | null, look: string, height?: number}[]}[]}} props
 *   `label`: all of it in a sentence; `columns`: what the parts are called; `height`: of a part
 *   that is not as high as its value; `look`: a class of styles/system.css.
 */
export function Bars({ label, columns, write, bars }) {
  const top = Math.max(1, ...bars.map(({ parts }) => parts.reduce((sum, part) => sum + heightOf(part), 0)));
  return html`
    <figure class="chart">
      <div class="plot">
        <span class="most" aria-hidden="true">${write(top)}</span>
        <svg viewBox="0 0 ${bars.length} 100" preserveAspectRatio="none" role="img" aria-label=${label}>
          <line class="grid" x1="0" x2=${bars.length} y1="0" y2="0" />
          <line class="grid" x1="0" x2=${bars.length} y1="50" y2="50" />
          <line class="grid" x1="0" x2=${bars.length} y1="100" y2="100" />
          ${bars.map((bar, at) => html`<${Bar} key=${bar.name} bar=${bar} at=${at} top=${top} told=${told(bar, columns, write)} />`)}
        </svg>
      </div>
      <div class="ends" aria-hidden="true"><span>${bars[0].name}</span><span>${bars.at(-1).name}</span></div>
      <details>
        <summary>As a table</summary>
        <div class="table" role="region" aria-label=${label} tabindex="0">
          <table>
            <thead><tr><th scope="col">Day</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
            <tbody>
              ${bars.toReversed().map(
                ({ name, parts }) => html`<tr key=${name}><th scope="row">${name}</th>${parts.map(({ value }) => html`<td>${value === null ? "–" : write(value)}</td>`)}</tr>`,
              )}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  `;
}

function Bar({ bar, at, top, told: text }) {
  let y = 100;
  return html`
    <g>
      <title>${text}</title>
      <rect class="whole" x=${at} y="0" width="1" height="100" />
      ${bar.parts.map((part) => {
        const height = (100 * heightOf(part)) / top;
        y -= height;
        return height > 0 && html`<rect class=${part.look} x=${at + INSET} y=${y} width=${WIDTH} height=${height} />`;
      })}
    </g>
  `;
}

/** What the colours stand for. */
export function Legend({ parts }) {
  return html`<ul class="legend">${parts.map(({ label, look }) => html`<li key=${label}><i class=${look} aria-hidden="true"></i>${label}</li>`)}</ul>`;
}

const heightOf = ({ value, height = value }) => height ?? 0;

function told({ name, parts }, columns, write) {
  const values = columns.map((column, at) => [column, parts[at].value]).filter(([, value]) => value);
  return [name, ...values.map(([column, value]) => `${column}: ${write(value)}`)].join("\n");
}
