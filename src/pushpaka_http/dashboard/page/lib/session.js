/**
 * The session of the signed-in user.
 *
 * The token is in localStorage. Deployed applications cannot read it, because each has an origin of
 * its own. All tabs follow when a user signs in or out.
 */
import { observable, useObservable } from "./observable.js";

const KEY = "pushpaka.session";

const SIGNED_OUT = Object.freeze({ token: null, user: null, notice: null });

const current = observable(stored());

window.addEventListener("storage", (event) => {
  if (event.key === KEY || event.key === null) current.set(stored());
});

export const session = {
  /** @returns {{token: string | null, user: object | null, notice: string | null}} */
  get: current.get,
  subscribe: current.subscribe,

  /** Start a session with the response to a registration, sign-in or change of password. */
  start({ token, user }) {
    localStorage.setItem(KEY, JSON.stringify({ token, user }));
    current.set({ token, user, notice: null });
  },

  /** End the session of `token`, which has expired, unless another one has started since. */
  expire(token) {
    if (token !== stored().token) return;
    session.end("Your session has ended. Sign in again to continue.");
  },

  /** End the session in the browser. The caller revokes the token. */
  end(notice = null) {
    localStorage.removeItem(KEY);
    current.set({ ...SIGNED_OUT, notice });
  },

  /** Update the account, for example after a change of its role. */
  update(user) {
    if (user.id === current.get().user?.id) session.start({ token: current.get().token, user });
  },
};

/** Return the session, and render the component again when it starts or ends. */
export const useSession = () => useObservable(session);

/** Return the signed-in user. */
export const useUser = () => useSession().user;

function stored() {
  try {
    const { token, user } = JSON.parse(localStorage.getItem(KEY));
    return typeof token === "string" && user ? { token, user, notice: null } : SIGNED_OUT;
  } catch {
    return SIGNED_OUT;
  }
}
