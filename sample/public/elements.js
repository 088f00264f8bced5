export const element = (id) => document.getElementById(id);

export function withText(name, text, className = '') {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}
