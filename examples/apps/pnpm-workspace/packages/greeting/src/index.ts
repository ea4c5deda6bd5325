export const version = "v1";

export function greet(name: string): string {
  return `Hello, ${name}!`;
}
