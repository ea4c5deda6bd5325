/** Copies text to the clipboard. */

export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  return copySelection(text);
}

/** Browsers hide the clipboard API from pages over plain HTTP, except on localhost. */
function copySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  focused?.focus();
}
