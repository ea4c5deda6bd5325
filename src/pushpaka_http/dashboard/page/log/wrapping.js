/** Whether long lines wrap: as it was chosen last in this browser. */

const KEY = "pushpaka.log.wrap";

export const isWrapWanted = () => localStorage.getItem(KEY) !== "no";

/** @param {boolean} isWrapped */
export const rememberWrap = (isWrapped) => localStorage.setItem(KEY, isWrapped ? "yes" : "no");
