/** Finds an element that the page's HTML promises, of the class it promises. */
export function part<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`)
  return found
}

/** Makes an element with a class and children; strings become text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  element.append(...children)
  return element
}

/** Sets the text of an element, unless it says so already: screen readers repeat what is set again. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
