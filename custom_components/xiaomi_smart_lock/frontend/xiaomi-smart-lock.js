/**
 * A dashboard of the locks, made of Home Assistant's own cards: a strategy for a whole dashboard
 * with a view for each lock, and one for a single view.
 *
 *   strategy: {type: custom:xiaomi-smart-lock}
 *
 * Entities are found in Home Assistant's registry by platform and translation key, never by their
 * entity ids, which users change. What a lock does not have, or a user has disabled or hidden, is
 * left out. Nothing here needs an administrator.
 */

const DOMAIN = "xiaomi_smart_lock";
const TYPE = "xiaomi-smart-lock";
const DOCUMENTATION =
  "https://github.com/xiaomi-smart-lock/xiaomi-smart-lock/blob/main/docs/dashboard.md";

const TEXTS = {
  en: {
    description: "Who came home, who is at the door, and the lock's settings",
    title: "Door locks",
    door: "Door",
    last: "Last operation",
    came: "Last 24 hours",
    nobody: "Nobody came.",
    visitor: "At the door",
    people: "People",
    never: "None of them has come yet.",
    waiting: "Changes waiting for the lock",
    discard: "Discard the changes that wait for the lock?",
    lock: "Lock",
    touch: "Touch the lock to wake it",
    bell: "Bell",
    camera: "Camera",
    sounds: "Sounds and reminders",
    more: "More settings",
    told: "What else it tells",
    silent: "Nothing was told yet.",
    none: "No lock is set up here. [Add one](/config/integrations/dashboard/add?domain=xiaomi_smart_lock), and it is shown here by itself. If you need this dashboard no longer, delete it under [Settings → Dashboards](/config/lovelace/dashboards).",
    gone: "This lock is no longer here.",
  },
  zh: {
    description: "谁回了家、谁在门口，以及门锁的设置",
    title: "门锁",
    door: "门",
    last: "上次操作",
    came: "最近 24 小时",
    nobody: "没有人来过。",
    visitor: "门口",
    people: "人员",
    never: "他们都还没有回来过。",
    waiting: "等待门锁唤醒的更改",
    discard: "要放弃等待门锁唤醒的更改吗？",
    lock: "门锁",
    touch: "触摸门锁即可唤醒",
    bell: "门铃",
    camera: "摄像头",
    sounds: "声音与提醒",
    more: "更多设置",
    told: "其他状态与事件",
    silent: "尚未收到任何状态或事件。",
    none: "目前没有已设置的门锁。[添加门锁](/config/integrations/dashboard/add?domain=xiaomi_smart_lock)后，会自动显示在这里。如果不再需要此仪表盘，请在[“设置” → “仪表盘”](/config/lovelace/dashboards)中将其删除。",
    gone: "此门锁已不存在。",
  },
};

/**
 * Sections of settings: those whose translation key matches go into the first that it matches.
 * Patterns, not lists, so that settings find their place that are added later.
 */
const SETTINGS = [
  ["bell", "mdi:bell-ring-outline", /doorbell|ringtone|do_not_disturb/],
  ["sounds", "mdi:volume-high", /volume|alarm|reminder|language/],
  ["camera", "mdi:cctv", /camera|video|record|night|colou?r|distortion|marking|screen|stay|detection/],
  ["more", "mdi:cog-outline", /./],
];
const RECORDINGS = `/media-browser/browser/${encodeURIComponent(`app,media-source://${DOMAIN}`)}`;
const ROWS = ["switch", "select", "number", "text", "time"];

const UNDESCRIBED = "undescribed";

const texts = (hass) => (hass?.language?.startsWith("zh") ? TEXTS.zh : TEXTS.en);
const has = (hass, component) => hass.config.components.includes(component);
const nameOf = (device) => device.name_by_user || device.name || DOMAIN;
/** Return the ids of a device's config entries: before 2026.8 there could be several. */
const entriesOf = (device) =>
  device?.config_entry_id ? [device.config_entry_id] : (device?.config_entries ?? []);

/** Return our entities that are shown: visible, and with a state that the user may read. */
const entitiesOf = (hass) =>
  Object.values(hass.entities)
    .filter((entry) => entry.platform === DOMAIN && !entry.hidden && hass.states[entry.entity_id])
    .map((entry) => {
      const id = entry.entity_id;
      const domain = id.split(".", 1)[0];
      const state = hass.states[id];
      return {
        id,
        domain,
        // What only a specification describes has the words of many locks, and no key of its own.
        key: entry.translation_key === UNDESCRIBED ? "" : (entry.translation_key ?? ""),
        place: `${domain}.${entry.translation_key}`,
        category: entry.entity_category,
        name: entry.name || state.attributes.friendly_name || id,
        device: entry.device_id,
        attributes: state.attributes,
      };
    });

/** The locks that ask for a code to be unlocked. */
const CODED = new Set();
/** Return whether a lock asks for a code; while it is unlocked, whether it did when it was not. */
const asksForCode = (hass, id) => {
  const { state, attributes } = hass.states[id] ?? {};
  if (attributes?.code_format) CODED.add(id);
  else if (state === "locked") CODED.delete(id);
  return CODED.has(id);
};

const compare = (hass) => {
  const { compare: by } = new Intl.Collator(hass.language);
  return (one, other) => by(one.name, other.name);
};

/** Return the devices that are locks, by name; those of people and guests are services. */
const locksOf = (hass) => {
  const ids = new Set(entitiesOf(hass).map((entity) => entity.device));
  return Object.values(hass.devices)
    .filter((device) => ids.has(device.id) && device.entry_type !== "service")
    .map((device) => ({ id: device.id, name: nameOf(device), entries: entriesOf(device) }))
    .sort(compare(hass));
};

const heading = (text, icon, path) => ({
  type: "heading",
  heading: text,
  icon,
  ...(path && { tap_action: { action: "navigate", navigation_path: path } }),
});
const subheading = (text) => ({ type: "heading", heading: text, heading_style: "subtitle" });
/**
 * Names are from outside: what would be a link or emphasis in Markdown is shown as it is. That is
 * ASCII punctuation: nothing else is escaped by a backslash.
 */
const AS_IT_IS = String.raw`regex_replace('([!-/:-@\\x5b-\\x60{-~])', '\\\\\\1')`;
/** What happened within a day, in sentences; the sensor keeps it a little longer than that. */
const lately = (id, nobody) => `{% set since = now() - timedelta(days=1) -%}
{% set shown = namespace(any=false) -%}
{% for one in state_attr('${id}', 'lately') or [] if as_datetime(one.when) > since -%}
{% set shown.any = true -%}
- **{{ as_timestamp(one.when) | timestamp_custom('%H:%M') }}** {{ one.what | ${AS_IT_IS} }}
{% endfor -%}
{% if not shown.any %}${nobody}{% endif %}`;
/** When each person came last: the time, on other days with the date. */
const people = (id, never) => `{% for one in state_attr('${id}', 'people') or [] -%}
{% set today = as_local(as_datetime(one.when)).date() == now().date() -%}
- **{{ one.name | ${AS_IT_IS} }}** {{ as_timestamp(one.when)
  | timestamp_custom('%H:%M' if today else '%Y-%m-%d %H:%M') }}
{% else %}${never}{% endfor %}`;

const markdown = (content) => ({ type: "markdown", content });

const FULL = { grid_options: { columns: "full" } };
const tile = (entity, options) =>
  entity && { type: "tile", entity: entity.id, name: entity.name, ...options };
const button = (entity, options, question) => {
  const press = {
    action: "perform-action",
    perform_action: "button.press",
    target: { entity_id: entity?.id },
    ...(question && { confirmation: { text: question } }),
  };
  return tile(entity, { hide_state: true, tap_action: press, icon_tap_action: press, ...options });
};
const list = (entities, options) =>
  entities.length && {
    type: "entities",
    show_header_toggle: false,
    entities,
    ...FULL,
    ...options,
  };
const row = ({ id, name }) => ({ entity: id, name });
const rows = (entities) => list(entities.map(row));
const when = (entity, condition) => ({
  visibility: entity ? [{ condition: "state", entity: entity.id, ...condition }] : [],
});
/** While there is nothing to say of an entity, as of an event that never happened, it is hidden. */
const known = (entity) => when(entity, { state_not: "unknown" });
const knownTile = (entity, options) => tile(entity, { ...known(entity), ...options });
const knownRows = (entities) =>
  list(
    entities.map((entity) => ({
      type: "conditional",
      conditions: known(entity).visibility,
      row: row(entity),
    })),
    whileAnyOf(entities.map(known)),
  );

/** Return the condition that one of some cards is visible. */
const whileAnyOf = (cards) => {
  const always = cards.some(({ visibility }) => !visibility?.length);
  const conditions = cards.map(({ visibility }) => ({ condition: "and", conditions: visibility }));
  return { visibility: always ? [] : [{ condition: "or", conditions }] };
};

/** Return a title with cards, nothing without any card. It is visible while one of them is. */
const titled = (title, ...cards) => {
  const shown = cards.flat().filter(Boolean);
  return shown.length ? [{ ...title, ...whileAnyOf(shown) }, ...shown] : [];
};

/** Return a list with a section of cards, an empty one without any card; visible as its cards. */
const section = (...cards) => {
  const shown = cards.flat().filter(Boolean);
  return shown.length ? [{ type: "grid", cards: shown, ...whileAnyOf(shown) }] : [];
};

/** The view of one lock. */
class LockView {
  constructor(hass, lock) {
    this.hass = hass;
    this.lock = lock;
    this.texts = texts(hass);
    this.all = entitiesOf(hass);
    this.entities = this.all.filter((entity) => entity.device === lock.id);
  }

  find(place) {
    return this.entities.find((entity) => entity.place === place);
  }

  finds(...places) {
    return places.map((place) => this.find(place)).filter(Boolean);
  }

  get batteries() {
    return this.entities.filter(
      ({ domain, attributes }) => domain === "sensor" && attributes.device_class === "battery",
    );
  }

  /** The ids of people and guests, who have devices of their own in the lock's entry. */
  get people() {
    const ids = new Set(this.all.map(({ device }) => device));
    return Object.values(this.hass.devices)
      .filter(({ id, entry_type: type }) => type === "service" && ids.has(id))
      .filter((device) => entriesOf(device).some((entry) => this.lock.entries.includes(entry)))
      .map(({ id }) => id);
  }

  view() {
    return {
      type: "sections",
      max_columns: 3,
      badges: this.badges(),
      sections: [
        ...section(this.door(), this.whoOpens(), this.waiting()),
        ...section(this.visitor()),
        ...section(this.came()),
        ...section(this.told()),
        ...section(this.settings("bell"), this.settings("more")),
        ...section(this.settings("sounds")),
        ...section(this.settings("camera"), this.record()),
      ],
    };
  }

  badges() {
    const badge = (entity, options) => ({
      type: "entity",
      entity: entity.id,
      name: entity.name,
      ...known(entity),
      ...options,
    });
    return [
      ...this.finds("binary_sensor.awake").map((entity) => badge(entity)),
      ...this.batteries.map((entity) => badge(entity, { show_name: true })),
    ];
  }

  door() {
    return titled(
      heading(this.texts.door, "mdi:door"),
      this.doorLock(),
      knownRows(
        this.finds("event.lock_event").map((entity) => ({ ...entity, name: this.texts.last })),
      ),
      tile(this.find("binary_sensor.door"), { color: "amber" }),
      knownTile(this.find("binary_sensor.deadbolt"), { color: "indigo" }),
      tile(this.find("switch.away_mode")),
      knownTile(this.find("binary_sensor.child_lock")),
    );
  }

  /**
   * The lock. It has buttons only where they ask for a code, so that no tap by accident opens a
   * door, and only while it is locked, as it cannot be locked from Home Assistant.
   */
  doorLock() {
    const lock = this.find("lock.lock");
    // Not when: the time of the state is that of the last restart, or of a later change.
    const card = tile(lock, {
      name: this.lock.name,
      state_content: ["state", "changed_by"],
      ...FULL,
    });
    if (!lock || !asksForCode(this.hass, lock.id)) return card;
    const buttons = { features: [{ type: "lock-commands" }] };
    return [
      { ...card, ...buttons, ...when(lock, { state: "locked" }) },
      { ...card, ...when(lock, { state_not: "locked" }) },
    ];
  }

  waiting() {
    const waiting = this.find("sensor.pending_changes");
    const some = {
      visibility: [{ condition: "numeric_state", entity: waiting?.id, above: 0 }],
    };
    const awake = this.find("binary_sensor.awake");
    // Nothing that Home Assistant could ask for reaches a lock that sleeps, not even to wake up.
    const asleep = { name: this.texts.touch, ...FULL, ...when(awake, { state: "off" }) };
    return titled(
      subheading(this.texts.lock),
      tile(waiting, { name: this.texts.waiting, color: "amber", ...FULL, ...some }),
      waiting &&
        button(this.find("button.discard_pending"), { ...FULL, ...some }, this.texts.discard),
      tile(awake, asleep),
      knownTile(this.find("sensor.last_contact")),
      knownTile(this.find("sensor.wifi_status")),
      knownTile(this.find("sensor.charging_state")),
    );
  }

  visitor() {
    const image = this.find("image.last_visitor");
    const recordings = image && has(this.hass, "media_source") && RECORDINGS;
    return titled(
      heading(this.texts.visitor, "mdi:doorbell-video", recordings),
      image && {
        type: "picture-entity",
        entity: image.id,
        name: image.name,
        fit_mode: "contain",
        ...when(image, { state_not: ["unknown", "unavailable"] }),
        grid_options: { columns: "full", rows: 5 },
      },
      knownRows(this.finds("event.doorbell", "event.someone_at_the_door", "event.exception")),
    );
  }

  whoOpens() {
    const last = this.find("sensor.last_person");
    return titled(
      subheading(this.texts.people),
      knownTile(last),
      knownTile(this.find("sensor.last_method")),
      last && this.people.length && markdown(people(last.id, this.texts.never)),
    );
  }

  came() {
    const last = this.find("sensor.last_person");
    const devices = [this.lock.id, ...this.people];
    const activity = has(this.hass, "logbook") && `/logbook?device_id=${devices}`;
    return titled(
      heading(this.texts.came, "mdi:account-clock", activity),
      last && markdown(lately(last.id, this.texts.nobody)),
    );
  }

  /** What only the specification knows: it has a name, and no translation. */
  told() {
    const told = this.entities.filter(({ domain, key }) => !key && !ROWS.includes(domain));
    const nothing = told.flatMap((entity) => when(entity, { state: "unknown" }).visibility);
    return titled(
      heading(this.texts.told, "mdi:eye-outline"),
      knownRows(told.sort(compare(this.hass))),
      told.length && { ...markdown(this.texts.silent), visibility: nothing },
    );
  }

  /** What the camera does at once, which is possible only while the lock is awake. */
  record() {
    const awake = this.find("binary_sensor.awake");
    return button(this.find("button.record_video"), { ...FULL, ...when(awake, { state: "on" }) });
  }

  settings(name) {
    const [, icon] = SETTINGS.find(([one]) => one === name);
    const settings = this.entities.filter(
      ({ domain, place, key }) =>
        ROWS.includes(domain) &&
        place !== "switch.away_mode" &&
        SETTINGS.find(([, , pattern]) => pattern.test(key))[0] === name,
    );
    return titled(heading(this.texts[name], icon), rows(settings.sort(compare(this.hass))));
  }
}

/** The ids of our entities by the registry that they are from, which a change replaces. */
const REGISTERED = new WeakMap();

/** Return what a view depends on of an entity, beside its entry in the registry. */
const shownBy = (hass, id) => hass.states[id] && asksForCode(hass, id);

/** Generates the view of one lock, by default the first: `device_id` names another. */
class ViewStrategy extends HTMLElement {
  static async generate(config, hass) {
    const locks = locksOf(hass);
    const lock = locks.find(({ id }) => id === config.device_id);
    if (lock || (locks.length && !config.device_id)) {
      return new LockView(hass, lock ?? locks[0]).view();
    }
    const { gone, none } = texts(hass);
    return { type: "sections", sections: section(markdown(config.device_id ? gone : none)) };
  }

  /** Asked by newer versions of Home Assistant at each change; older ones watch the registries. */
  static shouldRegenerate(config, before, now) {
    if (["entities", "devices", "language"].some((key) => before[key] !== now[key])) return true;
    if (!REGISTERED.has(now.entities)) {
      const ours = Object.values(now.entities).filter(({ platform }) => platform === DOMAIN);
      REGISTERED.set(now.entities, ours.map((entry) => entry.entity_id));
    }
    return REGISTERED.get(now.entities).some((id) => shownBy(before, id) !== shownBy(now, id));
  }
}

/** Generates a dashboard with a view for each lock. */
class DashboardStrategy extends HTMLElement {
  static noEditor = true;

  static async generate(config, hass) {
    const locks = locksOf(hass);
    const view = { strategy: { type: `custom:${TYPE}` } };
    return {
      title: texts(hass).title,
      views: locks.length
        ? locks.map(({ id, name }) => ({
            ...view,
            title: name,
            path: id,
            strategy: { ...view.strategy, device_id: id },
          }))
        : [{ ...view, title: texts(hass).title }],
    };
  }

  static getCreateSuggestions(hass) {
    return { title: texts(hass).title, icon: "mdi:door-closed-lock" };
  }
}

/** Define an element, unless the module was loaded before, as of an earlier version. */
const define = (name, element) => {
  if (!window.customElements.get(name)) window.customElements.define(name, element);
};

// The frontend replaces the registry of elements while it is loaded, which may be after this module,
// and does not find what was defined before.
window.customElements.whenDefined("home-assistant").then(() => {
  define(`ll-strategy-dashboard-${TYPE}`, DashboardStrategy);
  define(`ll-strategy-view-${TYPE}`, ViewStrategy);
});

// Home Assistant 2026.5 and later lists it where a dashboard is added.
window.customStrategies ??= [];
if (!window.customStrategies.some(({ type }) => type === TYPE)) {
  window.customStrategies.push({
    type: TYPE,
    strategyType: "dashboard",
    name: "Xiaomi Smart Lock",
    get description() {
      return texts(document.querySelector("home-assistant")?.hass).description;
    },
    documentationURL: DOCUMENTATION,
  });
}
