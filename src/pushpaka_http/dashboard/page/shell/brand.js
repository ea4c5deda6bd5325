/** The logo, and the layout of pages before sign-in. */
import { html } from "../lib/html.js";

export const Logo = ({ size = 24 }) => html`
  <svg width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" />
    <path d="M16 6.5 24.5 24 16 19.6 7.5 24Z" />
  </svg>
`;

/** The layout of the sign-in and registration pages; `other`: a line below the form. */
export function SignedOutPage({ title, children, other }) {
  return html`
    <main class="gate" id="main" tabindex="-1">
      <div class="brand"><${Logo} size=${32} /><span>Pushpaka</span></div>
      <div class="panel">
        <h1>${title}</h1>
        <div class="card"><div class="content stack">${children}</div></div>
        <p class="other">${other}</p>
      </div>
    </main>
  `;
}
