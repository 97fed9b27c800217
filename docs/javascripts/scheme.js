// The page is light or dark as the reader's system is, like the drawings in it. Without a button, so that they agree.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.body.setAttribute("data-md-color-scheme", dark.matches ? "slate" : "default");
  dark.addEventListener("change", follow);
  follow();
})();
