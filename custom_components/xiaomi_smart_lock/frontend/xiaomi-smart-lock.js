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
    waiting: "Changes waiting for the lock",
    discard: "Discard the changes that wait for the lock?",
    lock: "Lock",
    bell: "Bell",
    camera: "Camera",
    sounds: "Sounds and reminders",
    more: "More settings",
    told: "What else it tells",
    none: "No lock is here yet. [Add one](/config/integrations/dashboard/add?domain=xiaomi_smart_lock), and it is shown here by itself.",
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
    waiting: "等待门锁唤醒的更改",
    discard: "要放弃等待门锁唤醒的更改吗？",
    lock: "门锁",
    bell: "门铃",
    camera: "摄像头",
    sounds: "声音与提醒",
    more: "更多设置",
    told: "其他状态与事件",
    none: "这里还没有门锁。[添加门锁](/config/integrations/dashboard/add?domain=xiaomi_smart_lock)后，会自动显示在这里。",
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
 * What happened within a day, in sentences; the sensor keeps it a little longer than that. Names
 * are from outside: what would be a link or emphasis in Markdown is shown as it is.
 */
const lately = (id, nobody) => String.raw`{% set since = now() - timedelta(days=1) -%}
{% set shown = namespace(any=false) -%}
{% for one in state_attr('${id}', 'lately') or [] if as_datetime(one.when) > since -%}
{% set shown.any = true -%}
- **{{ as_timestamp(one.when) | timestamp_custom('%H:%M') }}** {{ one.what
  | regex_replace('([^\\w\\s])', '\\\\\\1') }}
{% endfor -%}
{% if not shown.any %}${nobody}{% endif %}`;

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
const rows = (entities) =>
  entities.length && {
    type: "entities",
    show_header_toggle: false,
    entities: entities.map(({ id, name }) => ({ entity: id, name })),
    ...FULL,
  };
const when = (entity, condition) => ({
  visibility: entity ? [{ condition: "state", entity: entity.id, ...condition }] : [],
});

/** Return a title with cards, nothing without any card. It is visible while one of them is. */
const titled = (title, ...cards) => {
  const shown = cards.flat().filter(Boolean);
  const always = shown.some(({ visibility }) => !visibility?.length);
  const conditions = shown.map(({ visibility }) => ({ condition: "and", conditions: visibility }));
  const visibility = always ? [] : [{ condition: "or", conditions }];
  return shown.length ? [{ ...title, visibility }, ...shown] : [];
};

/** Return a list with a section of cards, an empty one without any card. */
const section = (...cards) => {
  const shown = cards.flat().filter(Boolean);
  return shown.length ? [{ type: "grid", cards: shown }] : [];
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

  /** The events of people and guests, who have devices of their own in the lock's entry. */
  get people() {
    const locks = new Set(locksOf(this.hass).map(({ id }) => id));
    return this.all
      .filter(({ domain, device }) => domain === "event" && device && !locks.has(device))
      .map((entity) => ({ ...entity, of: this.hass.devices[entity.device] }))
      .filter(({ of }) => entriesOf(of).some((entry) => this.lock.entries.includes(entry)))
      .map((entity) => ({ ...entity, name: nameOf(entity.of) }))
      .sort(compare(this.hass));
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
    const badge = ({ id, name }, options) => ({ type: "entity", entity: id, name, ...options });
    return [
      ...this.finds("binary_sensor.awake").map((entity) => badge(entity)),
      ...this.batteries.map((entity) => badge(entity, { show_name: true })),
    ];
  }

  door() {
    return titled(
      heading(this.texts.door, "mdi:door"),
      this.doorLock(),
      rows(
        this.finds("event.lock_event").map((entity) => ({ ...entity, name: this.texts.last })),
      ),
      tile(this.find("binary_sensor.door"), { color: "amber" }),
      tile(this.find("binary_sensor.deadbolt"), { color: "indigo" }),
      tile(this.find("switch.away_mode")),
      tile(this.find("binary_sensor.child_lock")),
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
    if (!lock?.attributes.code_format) return card;
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
    return titled(
      subheading(this.texts.lock),
      tile(waiting, { name: this.texts.waiting, color: "amber", ...FULL, ...some }),
      waiting &&
        button(this.find("button.discard_pending"), { ...FULL, ...some }, this.texts.discard),
      tile(this.find("sensor.last_contact")),
      button(this.find("button.wake"), when(awake, { state: "off" })),
      tile(this.find("sensor.wifi_status")),
      tile(this.find("sensor.charging_state")),
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
      rows(this.finds("event.doorbell", "event.someone_at_the_door", "event.exception")),
    );
  }

  whoOpens() {
    return titled(
      subheading(this.texts.people),
      tile(this.find("sensor.last_person")),
      tile(this.find("sensor.last_method")),
      rows(this.people),
    );
  }

  came() {
    const last = this.find("sensor.last_person");
    const lock = this.find("lock.lock");
    return titled(
      heading(this.texts.came, "mdi:account-clock", lock && `/logbook?entity_id=${lock.id}`),
      last && markdown(lately(last.id, this.texts.nobody)),
    );
  }

  /** What only the specification knows: it has a name, and no translation. */
  told() {
    const told = this.entities.filter(({ domain, key }) => !key && !ROWS.includes(domain));
    return titled(heading(this.texts.told, "mdi:eye-outline"), rows(told.sort(compare(this.hass))));
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
const shownBy = (hass, id) => hass.states[id] && (hass.states[id].attributes.code_format ?? "");

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
