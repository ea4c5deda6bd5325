/** A button that opens a list of things to do or places to go. */
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { Link } from "../router.js";
import { Icon } from "./icons.js";
import { toast } from "./toasts.js";

/**
 * A menu, for mouse and keyboard (arrows, Home, End, Escape).
 *
 * @param {{label: string, items: ({label: string, icon?: string, isDangerous?: boolean,
 *   to?: string, onSelect?: () => unknown} | null)[], children?: any}} props `children`: what the
 *   button shows in place of three dots; `head` stands above the items; null is a line between them.
 */
export function Menu({ label, items, head, children }) {
  const [isOpen, setIsOpen] = useState(false);
  const place = useRef(null);
  const id = useId();
  const entries = () => [...place.current.querySelectorAll('[role="menuitem"]')];

  useEffect(() => {
    if (!isOpen) return undefined;
    entries()[0]?.focus();
    const leave = (event) => place.current.contains(event.target) || setIsOpen(false);
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [isOpen]);

  const close = () => {
    setIsOpen(false);
    place.current.querySelector("button").focus();
  };
  const move = (event) => {
    const all = entries();
    const at = all.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (next !== undefined) all.at(next % all.length).focus();
    else return;
    event.preventDefault();
  };
  const select = ({ onSelect }) => {
    close();
    Promise.resolve(onSelect?.()).catch(toast.problem);
  };

  return html`
    <div class="menu" ref=${place} onKeyDown=${isOpen ? move : undefined}>
      <button type="button" class="button quiet ${children ? "" : "square"}" aria-label=${label} aria-haspopup="menu" aria-expanded=${isOpen} aria-controls=${isOpen ? id : undefined} onClick=${() => setIsOpen(!isOpen)}>
        ${children ?? html`<${Icon} name="dots" />`}
      </button>
      ${
        isOpen &&
        html`<div class="popup">
          ${head && html`<div class="head">${head}</div>`}
          <ul id=${id} role="menu" aria-label=${label}>
            ${items.map((item) => (item === null ? html`<li role="separator"></li>` : html`<${Entry} item=${item} onSelect=${() => select(item)} />`))}
          </ul>
        </div>`
      }
    </div>
  `;
}

function Entry({ item, onSelect }) {
  const inside = html`${item.icon && html`<${Icon} name=${item.icon} />`}<span>${item.label}</span>`;
  const looks = item.isDangerous ? "dangerous" : "";
  return html`
    <li role="none">
      ${
        item.to
          ? html`<${Link} role="menuitem" tabindex="-1" class=${looks} to=${item.to} onClick=${onSelect}>${inside}<//>`
          : html`<button type="button" role="menuitem" tabindex="-1" class=${looks} onClick=${onSelect}>${inside}</button>`
      }
    </li>
  `;
}
