/** Buttons, and links that look like one. */
import { html, useRef, useState, useEffect } from "../html.js";
import { Link } from "../router.js";
import { Icon } from "./icons.js";
import { toast } from "./toasts.js";

/**
 * Something to press.
 *
 *     html`<${Button} kind="primary" onClick=${async () => { await api.post(…); }}>Deploy<//>`
 *     html`<${Button} to="/new" icon="plus">New project<//>`
 *
 * While what `onClick` returns is pending, the button is busy and cannot be pressed again. What it
 * throws is shown as a toast, so catch what is better shown elsewhere.
 *
 * @param {{
 *   kind?: "plain" | "primary" | "danger" | "quiet",
 *   size?: "normal" | "small",
 *   icon?: string, isBusy?: boolean, disabled?: boolean,
 *   to?: string, href?: string, label?: string,
 *   onClick?: (event: Event) => unknown,
 * }} props `to`: a link within the page; `href`: one to elsewhere; `label`: for a button that shows
 *   an icon alone.
 */
export function Button({ kind = "plain", size = "normal", icon, isBusy = false, to, href, label, onClick, children, ...more }) {
  const [isPending, setIsPending] = useState(false);
  const isThere = useRef(true);
  useEffect(() => () => (isThere.current = false), []);
  const busy = isBusy || isPending;

  const press = async (event) => {
    if (busy) return event.preventDefault();
    const doing = onClick?.(event);
    if (typeof doing?.then !== "function") return undefined;
    setIsPending(true);
    try {
      await doing;
    } catch (error) {
      toast.problem(error);
    } finally {
      if (isThere.current) setIsPending(false);
    }
    return undefined;
  };

  const looks = `button ${kind} ${size} ${children ? "" : "square"} ${more.class ?? ""}`;
  const inside = html`
    ${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}
  `;
  if (to) return html`<${Link} ...${more} to=${to} class=${looks} aria-label=${label}>${inside}<//>`;
  if (href) return html`<a ...${more} href=${href} class=${looks} aria-label=${label}>${inside}</a>`;
  return html`
    <button type="button" ...${more} class=${looks} aria-label=${label} title=${more.title ?? label} aria-busy=${busy} onClick=${press}>
      ${inside}
    </button>
  `;
}
