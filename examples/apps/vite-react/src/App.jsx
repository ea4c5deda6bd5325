import { useState } from "react";

const title = import.meta.env.VITE_TITLE ?? "Counter";

export function App() {
  const [count, setCount] = useState(0);
  return (
    <main>
      <h1>{title}</h1>
      <button onClick={() => setCount(count + 1)}>Pressed {count} times</button>
      <p>The address {location.pathname} is made in the browser.</p>
    </main>
  );
}
