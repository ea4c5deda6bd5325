/** Bar charts, each with its data as a table. */
import { html } from "../../lib/html.js";

/** The width of a bar and its left margin, as fractions of its column. */
const WIDTH = 0.7;
const INSET = (1 - WIDTH) / 2;

/**
 * A stacked bar chart.
 *
 * @param {{label: string, columns: string[], format: (value: number) => string,
 *   bars: {name: string, parts: {value: number | null, look: string, height?: number}[]}[]}} props
 *   `label`: a summary for screen readers; `columns`: the names of the parts; `height`: of a part,
 *   if it differs from its value; `look`: a class of styles/system.css.
 */
export function BarChart({ label, columns, format, bars }) {
  const top = Math.max(1, ...bars.map(({ parts }) => parts.reduce((sum, part) => sum + heightOf(part), 0)));
  return html`
    <figure class="chart">
      <div class="plot">
        <span class="most" aria-hidden="true">${format(top)}</span>
        <svg viewBox="0 0 ${bars.length} 100" preserveAspectRatio="none" role="img" aria-label=${label}>
          <line class="grid" x1="0" x2=${bars.length} y1="0" y2="0" />
          <line class="grid" x1="0" x2=${bars.length} y1="50" y2="50" />
          <line class="grid" x1="0" x2=${bars.length} y1="100" y2="100" />
          ${bars.map((bar, index) => html`<${Bar} key=${bar.name} bar=${bar} index=${index} top=${top} tooltip=${tooltipOf(bar, columns, format)} />`)}
        </svg>
      </div>
      <div class="ends" aria-hidden="true"><span>${bars[0].name}</span><span>${bars.at(-1).name}</span></div>
      <details>
        <summary>Show as table</summary>
        <div class="table" role="region" aria-label=${label} tabindex="0">
          <table>
            <thead><tr><th scope="col">Day</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
            <tbody>
              ${bars.toReversed().map(
                ({ name, parts }) => html`<tr key=${name}><th scope="row">${name}</th>${parts.map(({ value }) => html`<td>${value === null ? "–" : format(value)}</td>`)}</tr>`,
              )}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  `;
}

function Bar({ bar, index, top, tooltip }) {
  let y = 100;
  return html`
    <g>
      <title>${tooltip}</title>
      <rect class="whole" x=${index} y="0" width="1" height="100" />
      ${bar.parts.map((part) => {
        const height = (100 * heightOf(part)) / top;
        y -= height;
        return height > 0 && html`<rect class=${part.look} x=${index + INSET} y=${y} width=${WIDTH} height=${height} />`;
      })}
    </g>
  `;
}

/** The legend of a chart. */
export function Legend({ parts }) {
  return html`<ul class="legend">${parts.map(({ label, look }) => html`<li key=${label}><i class=${look} aria-hidden="true"></i>${label}</li>`)}</ul>`;
}

const heightOf = ({ value, height = value }) => height ?? 0;

function tooltipOf({ name, parts }, columns, format) {
  const values = columns.map((column, index) => [column, parts[index].value]).filter(([, value]) => value);
  return [name, ...values.map(([column, value]) => `${column}: ${format(value)}`)].join("\n");
}
