/** Buttons, and links that look like buttons. */
import { html, useEffect, useRef, useState } from "../html.js";
import { Link } from "../router.js";
import { Icon } from "./icons.js";
import { toast } from "./toasts.js";

/**
 * A button.
 *
 *     html`<${Button} kind="primary" onClick=${async () => { await api.post(…); }}>Deploy<//>`
 *     html`<${Button} to="/new" icon="plus">New project<//>`
 *
 * While the promise of `onClick` is pending, the button is busy and ignores clicks. Its error is
 * shown as a toast.
 *
 * @param {{
 *   kind?: "plain" | "primary" | "danger" | "quiet",
 *   size?: "normal" | "small",
 *   icon?: string, isBusy?: boolean, disabled?: boolean,
 *   to?: string, href?: string, label?: string,
 *   onClick?: (event: Event) => unknown,
 * }} props `to`: a link within the dashboard; `href`: a link in a new tab; `label`: for a button
 *   with only an icon.
 */
export function Button({ kind = "plain", size = "normal", icon, isBusy = false, to, href, label, onClick, children, ...more }) {
  const [isPending, setIsPending] = useState(false);
  const isMounted = useRef(true);
  useEffect(() => () => (isMounted.current = false), []);
  const busy = isBusy || isPending;

  const press = async (event) => {
    if (busy) return event.preventDefault();
    const result = onClick?.(event);
    if (typeof result?.then !== "function") return undefined;
    setIsPending(true);
    try {
      await result;
    } catch (error) {
      toast.error(error);
    } finally {
      if (isMounted.current) setIsPending(false);
    }
    return undefined;
  };

  const classes = `button ${kind} ${size} ${children ? "" : "square"} ${more.class ?? ""}`;
  const content = html`
    ${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}
  `;
  if (to) return html`<${Link} ...${more} to=${to} class=${classes} aria-label=${label}>${content}<//>`;
  if (href) return html`<a ...${more} href=${href} target="_blank" rel="noopener noreferrer" class=${classes} aria-label=${label}>${content}</a>`;
  return html`
    <button type="button" ...${more} class=${classes} aria-label=${label} title=${more.title ?? label} aria-busy=${busy} onClick=${press}>
      ${content}
    </button>
  `;
}
