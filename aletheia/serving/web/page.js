// Script of the page: uploads files, shows them from the browser's own copy, and lets the reader choose faces.
window.aletheia = (() => {
  "use strict";
  let picture = null; // the <img> or <video> of the file
  let address = null; // its blob: URL
  let handedIn = null; // the file itself
  let chosen = 0;
  let busy = false;
  let isStopped = false; // by the reader, since the last file
  let setRequest;
  const request = new Promise((resolve) => (setRequest = resolve));

  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const say = (text, isProblem = false) => {
    const state = document.querySelector("#intake .state");
    if (!state) return;
    state.textContent = text;
    state.classList.toggle("problem", isProblem);
  };

  // ---- uploads

  // The size that the browser reports; the server checks it again.
  const tooLarge = (file) => {
    const zone = document.querySelector("#intake .zone").dataset;
    const limit = Number(file.type.startsWith("video/") ? zone.videoBytes : Math.max(zone.imageBytes, isVideo(file) ? zone.videoBytes : 0));
    return file.size > limit ? `This file is larger than ${Math.round(limit / 1e6)} MB. Choose a smaller one.` : "";
  };
  const isVideo = (file) => file.type.startsWith("video/") || /\.(mp4|m4v|mov|mkv|webm|avi)$/i.test(file.name);

  // Sends a file, without its name; resolves to its token.
  const upload = async (file) => {
    const form = new FormData();
    form.append("file", file, "file");
    const answer = await fetch("gradio_api/upload", { method: "POST", body: form });
    const body = await answer.json().catch(() => null); // a proxy before the service may not send JSON
    if (answer.ok && body) return body.token;
    if (body?.error) throw new Refused(body.error.message);
    if (answer.status === 413) throw new Refused("A server on the way takes no file of this size. Choose a smaller one.");
    throw new Error(`status ${answer.status}`);
  };
  class Refused extends Error {}

  const show = (file) => {
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(file);
    picture = document.createElement(isVideo(file) ? "video" : "img");
    picture.className = "picture";
    if (picture.tagName === "VIDEO") Object.assign(picture, { controls: true, muted: true, playsInline: true, preload: "auto" });
    else picture.alt = "The picture that you chose";
    picture.addEventListener("error", () => {
      const canvas = picture.closest(".canvas");
      if (canvas) canvas.classList.add("unseeable");
    });
    for (const event of ["timeupdate", "seeked", "loadeddata"]) picture.addEventListener(event, follow);
    picture.src = address;
  };

  const take = async (file) => {
    if (!file) return;
    if (busy) return say("One file at a time: wait for this answer, then hand in the next.");
    const problem = tooLarge(file);
    if (problem) return say(problem, true);
    chosen = 0;
    isStopped = false;
    handedIn = file;
    announce(null);
    show(file);
    setBusy(true);
    say("Sending …");
    try {
      const [ask, token] = await Promise.all([request, upload(file)]);
      ask(token);
      say("");
    } catch (error) {
      setBusy(false);
      const lost = "The file could not be sent. Is the service still running? Try again.";
      say(error instanceof Refused ? error.message : lost, true);
    }
  };

  const setBusy = (on) => {
    busy = on;
    document.querySelector("#intake")?.classList.toggle("busy", on);
    all("#intake input, #intake button").forEach((element) => (element.disabled = on));
  };

  // Called by Gradio with the component whose value requests an answer; an upload that is faster waits for it.
  const zone = (element, props) => setRequest((token) => (props.value = token));

  document.addEventListener("change", (event) => {
    if (event.target.id !== "file") return;
    take(event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-sample]");
    if (!button || busy) return;
    try {
      const answer = await fetch(button.dataset.sample);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const blob = await answer.blob();
      take(new File([blob], button.dataset.sample.split("/").pop(), { type: blob.type }));
    } catch {
      say("The picture could not be fetched. Is the service still running? Try again.", true);
    }
  });
  // Anywhere on the page: a file that is dropped beside the field must not replace the page.
  let depth = 0;
  const over = (on) => document.querySelector("#intake .zone")?.classList.toggle("over", on);
  addEventListener("dragenter", () => over(++depth > 0));
  addEventListener("dragleave", () => over(--depth > 0));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(false);
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => take(event.clipboardData.files[0]));

  // ---- showing answers

  const shown = (element, watch) => watch("value", () => update(element));
  document.addEventListener("click", (event) => onClick(event));

  const update = (element) => {
    const canvas = element.querySelector("[data-preview]");
    if (canvas && picture) {
      canvas.prepend(picture);
      canvas.classList.toggle("unseeable", Boolean(picture.error) || (picture.complete === true && !picture.naturalWidth));
    }
    const answer = element.querySelector(".answer");
    if (answer && !answer.classList.contains("waiting")) {
      setBusy(false);
      say("");
      const { id, kind } = answer.dataset;
      announce(id ? { id, kind, file: handedIn } : null);
      const title = answer.querySelector("h2");
      if (title && title.dataset.seen !== title.textContent) {
        title.dataset.seen = title.textContent;
        chosen = Number(answer.dataset.first || 0);
        title.focus({ preventScroll: true });
        answer.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      }
    }
    choose(chosen);
    follow();
  };

  // Tells feedback.js of the answer that is shown, once; null for none.
  let announced = null;
  const announce = (answer) => {
    if (announced?.id === answer?.id) return;
    announced = answer;
    dispatchEvent(new CustomEvent("aletheia:answer", { detail: answer }));
  };

  const choose = (number) => {
    chosen = number;
    all("[data-panel]").forEach((panel) => (panel.hidden = Number(panel.dataset.panel) !== number));
    all("[data-choose]").forEach((button) => button.setAttribute("aria-pressed", Number(button.dataset.choose) === number));
    all("[data-person]").forEach((line) => line.classList.toggle("faint", Number(line.dataset.person) !== number));
  };

  const onClick = (event) => {
    const button = event.target.closest("[data-choose]");
    if (button) return choose(Number(button.dataset.choose));
    if (event.target.closest("[data-stop]")) return stop();
    if (event.target.closest("[data-grab]")) return grab();
    const point = event.target.closest("[data-seek]");
    if (point) return seek(Number(point.dataset.seek));
    const line = event.target.closest(".timeline");
    if (line) seek(timeAt(line, event.clientX));
  };

  const stop = () => {
    isStopped = true;
    document.querySelector("#stop")?.click();
    setBusy(false);
    say("Stopped.");
  };

  // ---- videos

  const seek = (second) => {
    if (!picture || picture.tagName !== "VIDEO") return;
    picture.pause();
    picture.currentTime = second;
  };

  const timeAt = (line, x) => {
    const drawing = line.querySelector("svg");
    const bounds = drawing.getBoundingClientRect();
    const { left, right, duration } = line.dataset;
    const at = ((x - bounds.left) / bounds.width) * drawing.viewBox.baseVal.width;
    return Math.min(Math.max((at - left) / (right - left), 0), 1) * duration;
  };

  // Draws the outlines of the nearest frame, if it is near enough to fit.
  const follow = () => {
    const moving = document.querySelector("[data-moving]");
    if (!moving || moving.dataset.moving === "[]" || !picture || picture.tagName !== "VIDEO") return;
    const people = JSON.parse(moving.dataset.moving);
    const gap = Math.max(...people.map((track) => (track.length > 1 ? (track.at(-1).t - track[0].t) / (track.length - 1) : 1)), 0.1);
    moving.replaceChildren();
    people.forEach((track, number) => {
      const near = track.reduce((a, b) => (Math.abs(b.t - picture.currentTime) < Math.abs(a.t - picture.currentTime) ? b : a));
      if (Math.abs(near.t - picture.currentTime) > 0.75 * gap) return;
      const outline = document.createElement("div");
      outline.className = `face tone-${near.v}`;
      Object.assign(outline.style, { left: `${100 * near.l}%`, top: `${100 * near.u}%`, width: `${100 * near.w}%`, height: `${100 * near.h}%` });
      outline.append(Object.assign(document.createElement("span"), { textContent: number + 1 }));
      moving.append(outline);
    });
    const line = document.querySelector(".timeline");
    if (!line) return;
    const { left, right, duration } = line.dataset;
    const at = Number(left) + (right - left) * Math.min(picture.currentTime / duration, 1);
    all(".now", line).forEach((mark) => (mark.setAttribute("x1", at), mark.setAttribute("x2", at)));
  };

  const grab = () => {
    if (!picture || picture.tagName !== "VIDEO" || !picture.videoWidth) return say("This moment cannot be shown.", true);
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.videoWidth, height: picture.videoHeight });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.toBlob((blob) => take(new File([blob], "moment.png", { type: "image/png" })), "image/png");
  };

  // Gradio counts a request that the reader has stopped among those that failed.
  const failed = (html) => [isStopped ? "" : html, "", ""];

  return { zone, shown, failed };
})();
