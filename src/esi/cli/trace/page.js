"use strict";
const messages = [...document.querySelectorAll("details.message")], tools = document.getElementById("tools");
tools.hidden = false;
tools.addEventListener("click", event => {
  if (event.target.dataset.open !== undefined) messages.forEach(item => { item.open = !!event.target.dataset.open; });
});
tools.firstElementChild.addEventListener("input", event => {
  const wanted = event.target.value.toLowerCase();
  messages.forEach(item => { item.hidden = !item.textContent.toLowerCase().includes(wanted); });
});
const reveal = () => {
  const item = document.getElementById(location.hash.slice(1))?.closest("details");
  if (item) { item.open = true; item.scrollIntoView({block: "center"}); }
};
addEventListener("hashchange", reveal);
reveal();
