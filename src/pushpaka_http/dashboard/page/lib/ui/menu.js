/** Menu buttons. */
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { Link } from "../router.js";
import { Icon } from "./icons.js";
import { toast } from "./toasts.js";

/**
 * A button that opens a menu, operated by mouse or keyboard (arrows, Home, End, Escape).
 *
 * @param {{label: string, items: ({label: string, icon?: string, isDangerous?: boolean,
 *   to?: string, onSelect?: () => unknown} | null)[], head?: any, children?: any}} props
 *   `children`: the content of the button instead of three dots; `head`: above the items; a null
 *   item is a separator.
 */
export function Menu({ label, items, head, children }) {
  const [isOpen, setIsOpen] = useState(false);
  const root = useRef(null);
  const id = useId();
  const entries = () => [...root.current.querySelectorAll('[role="menuitem"]')];

  useEffect(() => {
    if (!isOpen) return undefined;
    entries()[0]?.focus();
    const leave = (event) => root.current.contains(event.target) || setIsOpen(false);
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [isOpen]);

  const close = () => {
    setIsOpen(false);
    root.current.querySelector("button").focus();
  };
  const move = (event) => {
    const all = entries();
    const index = all.indexOf(document.activeElement);
    const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (next !== undefined) all.at(next % all.length).focus();
    else return;
    event.preventDefault();
  };
  const select = ({ onSelect }) => {
    close();
    Promise.resolve(onSelect?.()).catch(toast.error);
  };

  return html`
    <div class="menu" ref=${root} onKeyDown=${isOpen ? move : undefined}>
      <button type="button" class="button quiet ${children ? "" : "square"}" aria-label=${label} aria-haspopup="menu" aria-expanded=${isOpen} aria-controls=${isOpen ? id : undefined} onClick=${() => setIsOpen(!isOpen)}>
        ${children ?? html`<${Icon} name="dots" />`}
      </button>
      ${
        isOpen &&
        html`<div class="popup">
          ${head && html`<div class="head">${head}</div>`}
          <ul id=${id} role="menu" aria-label=${label}>
            ${items.map((item) => (item === null ? html`<li role="separator"></li>` : html`<${MenuItem} item=${item} onSelect=${() => select(item)} />`))}
          </ul>
        </div>`
      }
    </div>
  `;
}

function MenuItem({ item, onSelect }) {
  const content = html`${item.icon && html`<${Icon} name=${item.icon} />`}<span>${item.label}</span>`;
  const className = item.isDangerous ? "dangerous" : "";
  return html`
    <li role="none">
      ${
        item.to
          ? html`<${Link} role="menuitem" tabindex="-1" class=${className} to=${item.to} onClick=${onSelect}>${content}<//>`
          : html`<button type="button" role="menuitem" tabindex="-1" class=${className} onClick=${onSelect}>${content}</button>`
      }
    </li>
  `;
}
