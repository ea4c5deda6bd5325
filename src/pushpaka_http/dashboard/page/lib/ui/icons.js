/** Small drawings of one line. They never carry a meaning alone: a word stands beside them. */
import { html } from "../html.js";

const PATHS = {
  alert: ["M8 2.2 14.4 13.4H1.6Z", "M8 6.6v3", "M8 11.6v.1"],
  arrow: ["M3 8h10", "M9 4l4 4-4 4"],
  back: ["M13 8H3", "M7 4 3 8l4 4"],
  branch: ["M4.5 5.5v5", "M11.5 6.5c0 3-7 1.5-7 4", "M4.5 3.9m-1.6 0a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 1 0-3.2 0", "M4.5 12.1m-1.6 0a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 1 0-3.2 0", "M11.5 4.9m-1.6 0a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 1 0-3.2 0"],
  check: ["M3 8.5 6.5 12 13 4.5"],
  clock: ["M8 8m-6 0a6 6 0 1 0 12 0 6 6 0 1 0-12 0", "M8 4.8V8l2.2 1.6"],
  commit: ["M8 8m-2.6 0a2.6 2.6 0 1 0 5.2 0 2.6 2.6 0 1 0-5.2 0", "M1 8h4.4", "M10.6 8H15"],
  copy: ["M5.5 5.5h8v8h-8Z", "M10.5 5.5v-3h-8v8h3"],
  cross: ["M4 4l8 8", "M12 4l-8 8"],
  dots: ["M3 8v.1", "M8 8v.1", "M13 8v.1"],
  down: ["M4 6l4 4 4-4"],
  download: ["M8 2v8", "M4.5 7 8 10.5 11.5 7", "M2.5 13.5h11"],
  external: ["M6.5 3.5h-3v9h9v-3", "M9 2.5h4.5V7", "M13.2 2.8 7.5 8.5"],
  eye: ["M1.5 8C3.2 5 5.4 3.5 8 3.5S12.8 5 14.5 8C12.8 11 10.6 12.5 8 12.5S3.2 11 1.5 8Z", "M8 8m-1.9 0a1.9 1.9 0 1 0 3.8 0 1.9 1.9 0 1 0-3.8 0"],
  gear: ["M8 8m-2 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0", "M8 1.5v2", "M8 12.5v2", "M1.5 8h2", "M12.5 8h2", "M3.4 3.4l1.4 1.4", "M11.2 11.2l1.4 1.4", "M12.6 3.4l-1.4 1.4", "M4.8 11.2l-1.4 1.4"],
  globe: ["M8 8m-6 0a6 6 0 1 0 12 0 6 6 0 1 0-12 0", "M2 8h12", "M8 2c-4.5 4-4.5 8 0 12 4.5-4 4.5-8 0-12Z"],
  key: ["M5 10.5m-2.6 0a2.6 2.6 0 1 0 5.2 0 2.6 2.6 0 1 0-5.2 0", "M7 8.5l6-6", "M11 4.5l2 2"],
  lock: ["M3.5 7.5h9v6h-9Z", "M5.5 7.5v-2a2.5 2.5 0 0 1 5 0v2"],
  pause: ["M5.5 3.5v9", "M10.5 3.5v9"],
  play: ["M5 3l7.5 5L5 13Z"],
  plus: ["M8 3v10", "M3 8h10"],
  refresh: ["M13 8a5 5 0 1 1-1.5-3.6", "M12 2v3H9"],
  rollback: ["M3 6h6.5a3.5 3.5 0 0 1 0 7H6", "M5.5 3 2.8 6l2.7 3"],
  search: ["M7 7m-4.5 0a4.5 4.5 0 1 0 9 0 4.5 4.5 0 1 0-9 0", "M10.5 10.5 14 14"],
  stop: ["M4 4h8v8H4Z"],
  terminal: ["M3 4.5 6.5 8 3 11.5", "M8 12h5"],
  trash: ["M2.5 4h11", "M6 4V2.5h4V4", "M4 4l.6 9.5h6.8L12 4"],
  up: ["M8 13V3", "M4 7l4-4 4 4"],
  user: ["M8 5.5m-2.7 0a2.7 2.7 0 1 0 5.4 0 2.7 2.7 0 1 0-5.4 0", "M2.8 13.8c.6-3 2.6-4.3 5.2-4.3s4.6 1.3 5.2 4.3"],
};

/** @param {{name: keyof typeof PATHS, size?: number}} props */
export function Icon({ name, size = 16 }) {
  return html`
    <svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      ${PATHS[name].map((path) => html`<path d=${path} />`)}
    </svg>
  `;
}
