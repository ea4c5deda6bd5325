/** Whether long lines wrap, stored in the browser. */

const KEY = "pushpaka.log.wrap";

export const loadWrapping = () => localStorage.getItem(KEY) !== "no";

export const saveWrapping = (isWrapped) => localStorage.setItem(KEY, isWrapped ? "yes" : "no");
