/**
 * Who has signed in.
 *
 * The token is in the localStorage of this origin, which no application shares: each has a host of
 * its own. All tabs follow when one signs in or out.
 */
import { cell, useCell } from "./cell.js";

const KEY = "pushpaka.session";

const SIGNED_OUT = Object.freeze({ token: null, user: null, notice: null });

const kept = cell(stored());

window.addEventListener("storage", (event) => {
  if (event.key === KEY || event.key === null) kept.set(stored());
});

export const session = {
  /** @returns {{token: string | null, user: object | null, notice: string | null}} */
  get: kept.get,
  watch: kept.watch,

  /** Begin, with the answer to a registration, a sign-in or another password. */
  begin({ token, user }) {
    localStorage.setItem(KEY, JSON.stringify({ token, user }));
    kept.set({ token, user, notice: null });
  },

  /** Say that `token` is good no more; another one that came meanwhile is kept. */
  expire(token) {
    if (token !== stored().token) return;
    session.end("Your session has ended. Sign in again to go on where you were.");
  },

  /** End it on this page; the API is told by who calls. */
  end(notice = null) {
    localStorage.removeItem(KEY);
    kept.set({ ...SIGNED_OUT, notice });
  },

  /** Take the account as it is by now, as after a change of its role, if it is still this one. */
  update(user) {
    if (user.id === kept.get().user?.id) session.begin({ token: kept.get().token, user });
  },
};

/** The session, in a component that is drawn again when it begins or ends. */
export const useSession = () => useCell(session);

/** The account that has signed in. */
export const useUser = () => useSession().user;

function stored() {
  try {
    const { token, user } = JSON.parse(localStorage.getItem(KEY));
    return typeof token === "string" && user ? { token, user, notice: null } : SIGNED_OUT;
  } catch {
    return SIGNED_OUT;
  }
}
