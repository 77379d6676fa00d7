//! Every fixed text of the pages, in every language. A text that lacks a language does not compile.

use domain::text::Language;

macro_rules! catalogue {
    ($($word:ident: $en:literal, $zh:literal;)*) => {
        /// A fixed text of the pages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the English text says it
        pub enum Word { $($word),* }

        impl Word {
            /// Every text.
            pub const ALL: &'static [Word] = &[$(Word::$word),*];

            /// The text in a language.
            pub fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Word::$word, Language::En) => $en, (Word::$word, Language::Zh) => $zh,)*
                }
            }
        }
    };
}

catalogue! {
    // Chrome
    Fleet: "Fleet", "总览";
    Alarms: "Alarms", "报警";
    Tickets: "Tickets", "工单";
    Quarantine: "Quarantine", "隔离区";
    System: "System", "系统";
    Api: "API", "接口";
    SkipToContent: "Skip to content", "跳到正文";
    MainNavigation: "Main navigation", "主导航";
    OtherLanguage: "中文", "English";
    LogIn: "Log in", "登录";
    LogOut: "Log out", "退出";
    Token: "Access token", "访问令牌";
    TokenHelp: "The token that your administrator gave you. It is kept only in this browser session.", "管理员给您的令牌。仅保存在本次浏览器会话中。";
    TokenWrong: "Name and password, or the token, are not right.", "用户名、密码或令牌不正确。";
    OrToken: "Or without a name, with a token:", "或不填用户名，使用令牌：";
    UserName: "Name", "用户名";
    Password: "Password", "密码";
    PasswordRule: "At least 12 characters; the name must not be part of it.", "至少 12 个字符，且不得包含用户名。";
    PasswordStays: "Empty: the password stays as it is. A new one ends all sessions of the old one.", "留空则密码不变；设置新密码会结束旧密码的所有会话。";
    PasswordNow: "Password until now", "当前密码";
    PasswordNew: "New password", "新密码";
    PasswordAgain: "Once more", "再次输入";
    ChangePassword: "Change password", "修改密码";
    Users: "Users", "用户";
    NewUser: "New user", "新建用户";
    NoUsers: "There are no users yet. The first must be an administrator with a password; from then on everybody logs in.", "尚无用户。第一个用户必须是设有密码的管理员；之后所有人都需要登录。";
    UserRole: "Role", "角色";
    UserDisabled: "disabled", "已停用";
    OnlySites: "Only these sites", "仅限站点";
    OnlyCustomers: "Only these customers", "仅限客户";
    LimitsHelp: "Separated by commas; empty: no limit.", "用逗号分隔；留空表示不限。";
    UserLanguage: "Language", "语言";
    LanguageOfBrowser: "as the browser asks for", "跟随浏览器";
    English: "English", "英文";
    Chinese: "Chinese", "中文";
    Save: "Save", "保存";
    Tokens: "Tokens", "令牌";
    NoTokens: "No tokens.", "没有令牌。";
    NewToken: "New token", "新建令牌";
    TokenLabel: "What for", "用途";
    TokenDays: "Good for days", "有效天数";
    TokenScopes: "Only these rights (empty: all of the user)", "仅限权限（留空：该用户的全部权限）";
    KnownRights: "Known rights", "可用权限";
    TokenShownOnce: "This is the token. It is shown only now and kept nowhere: copy it.", "这是令牌，仅此一次显示，系统不保存，请立即复制。";
    Until: "until", "有效期至";
    TokenEnded: "ended", "已失效";
    Revoke: "Revoke", "吊销";
    AllRights: "all rights of the user", "该用户的全部权限";
    AccountFixed: "Log in with name and password to change something here.", "请使用用户名和密码登录后再修改。";
    AuditIntro: "Who changed or read what. The lines are a chain: `forewarn audit verify` tells whether one was altered.", "谁更改或查看了什么。记录相互链接，可用 forewarn audit verify 验证是否被篡改。";
    SetUp: "Set up", "初始设置";
    SetUpIntro: "Name and password of the first administrator. This page works once.", "设置第一个管理员的用户名和密码。此页面只能使用一次。";
    LocalOperator: "local operator", "本机操作员";
    Live: "Live", "实时";
    Reconnecting: "Reconnecting…", "正在重新连接…";
    Close: "Close", "关闭";
    Back: "Back", "返回";
    Cancel: "Cancel", "取消";
    Apply: "Apply", "应用";
    All: "All", "全部";
    None: "none", "无";
    NextPage: "Next page", "下一页";
    NotDone: "Not done", "未完成";
    Done: "Done", "已完成";

    ProblemNotFound: "Not found", "未找到";
    ProblemNotAllowed: "Not allowed", "无权操作";
    ProblemConflict: "Not possible in this state", "当前状态下无法操作";
    ProblemChanged: "Changed by somebody else meanwhile", "已被他人修改";
    ProblemInput: "Something in it is not right", "输入有误";
    ProblemUnavailable: "Not available right now", "暂时不可用";

    // Counters
    Devices: "Devices", "设备数";
    Online: "Online", "在线";
    ActiveAlarms: "Active alarms", "活动报警";
    Unacknowledged: "Unacknowledged", "未确认";
    OpenTickets: "Open tickets", "未结工单";
    BreachedClocks: "Breached clocks", "已超时";

    // Fleet
    Site: "Site", "站点";
    Device: "Device", "设备";
    Search: "Search", "搜索";
    SearchDevices: "Name or kind", "名称或类型";
    Risk: "Risk", "风险";
    State: "State", "状态";
    Health: "Health", "健康度";
    TimeLeft: "Time left", "剩余寿命";
    LastSeen: "Last heard", "最近通信";
    Never: "never", "从未";
    NotAssessed: "not yet assessed", "尚未评估";
    ByAge: "by the age of its kind", "按同类设备的使用时间";
    ByTrendAndAge: "by its trend and the age of its kind", "按本机趋势和同类设备的使用时间";
    ByLearned: "by a model learned from machines that failed", "按从故障设备学习的模型";
    NotYetKnown: "not yet known", "尚不可知";
    NoDevicesYet: "No device has been heard yet", "还没有设备接入";
    ConnectTitle: "Connect a device", "接入设备";
    ConnectIntro: "Any MQTT client will do. Publish JSON with QoS 1 to a topic that names the site and the device; the device appears here with its first message.", "任何 MQTT 客户端均可。以 QoS 1 向包含站点与设备名的主题发布 JSON；首条消息到达后设备即出现在此。";
    ConnectProfile: "A device that no profile is assigned to learns what is normal by itself. Assign a profile in the registry file to get limits, failure modes and prognoses.", "未指定型号档案的设备会自行学习正常状态。在注册文件中指定档案即可获得限值、故障模式和寿命预测。";
    NoMatch: "Nothing matches this filter.", "没有符合筛选条件的项目。";
    ConnectivityOnline: "online", "在线";
    ConnectivityOffline: "offline", "离线";
    ConnectivitySilent: "silent", "失联";
    ConnectivityUnknown: "never heard", "未曾通信";

    // Severity and risk
    Advisory: "Advisory", "提示";
    Warning: "Warning", "警告";
    Critical: "Critical", "严重";
    RiskVeryLow: "very low", "很低";
    RiskLow: "low", "低";
    RiskMedium: "medium", "中";
    RiskHigh: "high", "高";
    RiskVeryHigh: "very high", "很高";

    // Device
    Serial: "Serial number", "序列号";
    Location: "Location", "位置";
    Customer: "Customer", "客户";
    Profile: "Profile", "型号档案";
    JudgedBy: "Judged by", "判定模型";
    OperatingMode: "Operating mode", "运行模式";
    ModelDrift: "Normal has moved", "正常范围已漂移";
    ModelDriftMeaning: "What the model holds for normal is no longer what it was. No alarm and no ticket: look whether that is right.", "模型所认定的正常范围已改变。不产生报警或工单，请确认是否合理。";
    DriftNormal: "Was normal", "原正常范围";
    DriftLevel: "Level then and now", "原水平与现水平";
    DriftHow: "How", "原因";
    DriftAdopted: "a fault stood so long that it counts as normal", "故障持续过久，已被当作正常";
    DriftMoved: "the average has left all that it was when learning ended", "平均值已超出学习结束时的全部范围";
    DriftOutside: "many readings outside the known normal stretch, without an alarm", "大量读数超出已知正常段，且无报警";
    Metric: "Metric", "指标";
    Measurements: "Measurements", "测量值";
    FailureModes: "Failure modes", "故障模式";
    FailureMode: "Failure mode", "故障模式";
    Part: "Part", "部件";
    Showing: "showing", "已出现";
    NotShowing: "no sign", "无迹象";
    Safety: "safety", "安全";
    MostLikely: "most likely", "最可能";
    EstimateMade: "estimated", "估计于";
    RangeMeaning: "1 in 10 fails before the left end of the band, 9 in 10 before its right end", "十分之一在色带左端之前失效，十分之九在右端之前失效";
    Range15Min: "15 min", "15 分钟";
    Range1H: "1 h", "1 小时";
    Range1D: "1 d", "1 天";
    Range7D: "7 d", "7 天";
    RangeAll: "all", "全部";
    TimeRange: "Time range", "时间范围";
    Expected: "expected", "预期";
    Learning: "learning", "学习中";
    Limit: "limit", "限值";
    Mean: "mean", "均值";
    NoData: "No data in this range", "该时段无数据";
    NeedsScript: "Plots need JavaScript. The newest values are shown above each plot.", "曲线需要 JavaScript。最新数值显示在各图上方。";
    QualityUncertain: "uncertain", "存疑";
    QualityBad: "bad value", "坏值";
    NoAlarms: "No alarms: all is well, or nothing is known.", "没有报警：一切正常，或尚无信息。";
    NoActiveAlarms: "No alarm stands.", "当前没有报警。";
    NoTickets: "No tickets.", "没有工单。";
    NoMetrics: "No measurement has arrived yet.", "尚未收到测量值。";

    // Alarms
    Severity: "Severity", "级别";
    Reason: "Reason", "原因";
    Since: "Since", "起始";
    Actions: "Actions", "操作";
    Acknowledge: "Acknowledge", "确认";
    Shelve: "Shelve", "搁置";
    Unshelve: "Unshelve", "取消搁置";
    Reset: "Reset", "复位";
    ShelveFor: "For how long", "搁置时长";
    ShelveWhy: "Why (kept in the audit trail)", "原因（记入审计）";
    Note: "Note", "备注";
    StateNormal: "normal", "正常";
    StateUnacknowledged: "unacknowledged", "未确认";
    StateAcknowledged: "acknowledged", "已确认";
    StateReturned: "returned, unacknowledged", "已恢复未确认";
    StateLatched: "latched, reset needed", "锁存，需复位";
    ShelvedUntil: "shelved until", "搁置至";
    SuppressedBecause: "suppressed", "已抑制";
    OutOfServiceBy: "out of service, by", "停用，负责人";
    TakeOutOfService: "Take out of service", "停用";
    ReturnToService: "Return to service", "恢复使用";
    OutOfServiceWhy: "What work is done (kept in the audit trail)", "作业内容（记入审计）";
    FoundChattering: "chattering", "频繁抖动";
    FoundFleeting: "fleeting", "瞬时";
    FoundStale: "stale", "长期未消";
    Consequence: "If nobody acts", "不处理的后果";
    Response: "Response", "应对措施";
    RespondWithin: "Respond within", "响应时限";
    ConditionStands: "Condition stands", "条件仍存在";
    ConditionGone: "Condition gone", "条件已消失";
    Evidence: "Evidence", "依据";
    Raised: "Raised", "触发时间";
    AcknowledgedBy: "Acknowledged by", "确认人";
    ShowAlarms: "Show", "显示";
    Incident: "Incident", "事件";
    Incidents: "Incidents", "事件";
    IncidentsHelp: "many alarms of one cause", "同一原因引起的多条报警";
    StillStanding: "Alarms that stand", "仍在报警";
    IncidentEasing: "easing", "正在缓解";
    IncidentOver: "over", "已结束";
    AllAlarms: "All alarms", "全部报警";
    OnlyActive: "active only", "仅活动";
    OpenAndRecent: "open", "未结束";
    Ticket: "Ticket", "工单";
    Alarm: "Alarm", "报警";

    // Tickets
    StageReported: "Reported", "已报修";
    StageDiagnosis: "Diagnosed", "已诊断";
    StagePlanned: "Planned", "已定方案";
    StageExecution: "In progress", "维修中";
    StageTesting: "Testing", "功能测试";
    StageConfirmation: "Awaiting confirmation", "待客户确认";
    StageClosed: "Closed", "已关闭";
    StageCancelled: "Cancelled", "已取消";
    KindReminder: "Maintenance reminder", "保养提醒";
    KindInspection: "On-site inspection", "上门检查";
    KindEmergency: "Emergency", "紧急";
    ClassEmergency: "Emergency", "紧急";
    ClassKey: "Key problem", "重点问题";
    ClassOrdinary: "Ordinary fault", "普通故障";
    ClassPlanned: "Planned maintenance", "计划保养";
    ClockFirstResponse: "First response", "首次响应";
    ClockOnSite: "On site", "到场";
    ClockDiagnosis: "Diagnosis", "诊断";
    ClockPlan: "Repair plan", "维修方案";
    ClockResolution: "Resolution", "解决";
    ClockMet: "met", "已达成";
    ClockPaused: "paused", "已暂停";
    ClockLeft: "{} left", "剩余 {}";
    ClockOver: "breached · {} over", "已超时 {}";
    NobodyAssigned: "nobody assigned", "未派工";
    WhomToSend: "Whom to send", "派工建议";
    OverrideWhy: "Why not the first proposal", "未采用首选的理由";
    Assignee: "Assigned to", "负责人";
    OnHold: "on hold", "暂停中";
    Opened: "Opened", "开单";
    WhatToDo: "What to do", "处理措施";
    PartsToBring: "Parts to bring", "携带备件";
    SkillsNeeded: "Skills needed", "所需技能";
    WhyOpened: "Why it was opened", "开单依据";
    Timeline: "Timeline", "时间线";
    NextStep: "Next step", "下一步";
    MoveTo: "Move to", "转到";
    Assign: "Assign", "派工";
    Hold: "Hold", "暂停";
    Resume: "Resume", "恢复";
    HoldWhy: "Why it waits", "暂停原因";
    HoldFor: "Waits for", "等待";
    HoldCustomer: "the customer's word", "客户答复";
    HoldAccess: "access to the machine", "设备可进入";
    HoldParts: "parts", "备件";
    HoldSupplier: "another company", "外部单位";
    HoldApproval: "approval", "审批";
    HoldOther: "something else", "其他";
    Reclass: "Change class", "调整级别";
    ReclassWhy: "Why the class changes", "调整原因";
    Contract: "Contract", "合同";
    Breaches: "Breaches", "超时记录";
    Windows: "Windows", "维护窗口";
    WindowsIntro: "Work on machines, known to everybody: their alarms are out of service while a window is open, and tracked underneath.", "设备上的计划作业：窗口开启期间报警停用，但状态仍在后台跟踪。";
    WindowsNone: "Nothing is planned.", "暂无计划。";
    WindowOpens: "opens", "将开启";
    WindowOpen: "open", "已开启";
    WindowOver: "over", "已结束";
    WindowMaintenance: "maintenance", "维护";
    WindowCommissioning: "commissioning", "调试";
    WindowPurpose: "What for", "用途";
    WindowCovers: "Machines", "设备范围";
    WindowCoversHelp: "Names between commas; * stands for any characters. What is given must all fit.", "名称以逗号分隔，* 代表任意字符；所填条件须同时满足。";
    WindowWhen: "When", "时间";
    WindowUntilEnded: "from now until somebody ends it", "从现在起直至有人结束";
    WindowOnce: "once", "一次";
    WindowWeekly: "weekly", "每周";
    WindowFrom: "From (UTC; weekly: hour of the zone)", "开始（UTC；每周：当地时刻）";
    WindowUntil: "Until (UTC; once)", "结束（UTC；一次）";
    WindowMinutes: "Minutes (weekly)", "时长（分钟，每周）";
    TimeZone: "Time zone", "时区";
    WindowPlan: "Plan a window", "新建窗口";
    WindowEnd: "End it", "结束窗口";
    AnsweredFor: "Answers for it", "负责人";
    Monday: "Monday", "周一";
    Tuesday: "Tuesday", "周二";
    Wednesday: "Wednesday", "周三";
    Thursday: "Thursday", "周四";
    Friday: "Friday", "周五";
    Saturday: "Saturday", "周六";
    Sunday: "Sunday", "周日";
    OnCall: "On call", "值班";
    NobodyOnCall: "nobody", "无人值班";
    FloodBanner: "Flood of alarms", "报警泛滥";
    FloodBannerHelp: "People are told of ten alarms in ten minutes, of the others in one summary. None is missing from this list.", "每十分钟最多单独通知十条，其余合并为摘要；本列表不遗漏任何报警。";
    Ledger: "Clocks that were too late", "超时记录";
    Clock: "Clock", "时限";
    StillLate: "still late", "仍未完成";
    DueAt: "Due", "到期";
    Review: "Review", "复盘";
    Span: "Span", "区间";
    Days: "days", "天";
    NotKnown: "not known", "未知";
    Target: "aim", "目标";
    PastMonths: "Past months", "往月报告";
    ByMonth: "By month", "按月";
    ReviewCut: "there is more than is counted here; choose a shorter span", "数据过多，仅统计最新部分；请选择更短的区间";
    ReviewWarnings: "Warnings", "预警";
    ReviewCustomers: "Customers", "客户";
    ReviewMachines: "Machines", "设备";
    ReviewService: "Service", "服务";
    ReviewAlarms: "Alarms", "报警";
    RightByMode: "Right, by failure mode", "按故障模式的准确数";
    RightByRule: "Right, by rule", "按规则的准确数";
    RightByModel: "Right, by model version", "按模型版本的准确数";
    ClocksInTime: "Clocks in time, by class", "按级别的时限达成";
    FrequentAlarms: "Most frequent alarms", "最频繁的报警";
    Suggestions: "What verdicts suggest", "结论反馈建议";
    WithoutWarning: "Failures without a warning", "无预警的故障";
    FaultsByModel: "Faults by model of machine", "按机型的故障";
    HowOften: "Times", "次数";
    SpanBefore: "Span before", "上一区间";
    Told: "Who was told", "已通知";
    Nobody: "nobody", "无人";
    AnsweredBy: "Taken up by", "接手人";
    NextLevel: "Next level", "下一级通知";
    StepTold: "Told", "已通知";
    StepAnswered: "Alarm acknowledged, nobody further is told:", "报警已确认，停止逐级通知：";
    ToldUnanswered: "the level before did not answer", "上一级未响应";
    ToldNobodyThere: "nobody stood behind the level before", "上一级当时无人值守";
    BreachOpen: "not done yet", "尚未完成";
    Comment: "Comment", "留言";
    CloseTicket: "Close ticket", "关闭工单";
    CancelTicket: "Cancel ticket", "取消工单";
    CancelWhy: "Why it is given up", "取消原因";
    SimilarEpisodes: "Earlier episodes like it", "相似的历史事件";
    Likeness: "alike", "相似度";
    VerdictNoTicket: "No ticket", "无工单";
    VerdictOpen: "Not yet known", "尚无结论";
    VerdictCancelled: "Cancelled", "已取消";
    OutcomeLabel: "Outcome", "结果";
    OutcomeConfirmed: "Fault confirmed", "故障属实";
    OutcomeDifferent: "Different fault", "另有故障";
    OutcomePrevented: "Failure prevented", "已预防故障";
    OutcomeNoFault: "No fault found", "未发现故障";
    OutcomeOther: "Other", "其他";
    PartFailed: "Part that failed", "故障部件";
    Damage: "Damage", "损伤";
    FaultFound: "Fault that it was (for a different fault)", "实际故障（另有故障时）";
    Cause: "Cause", "原因分析";
    Remedy: "Remedy", "处理方法";
    PartsUsed: "Parts used (comma between)", "所用备件（逗号分隔）";
    StepOpened: "Opened by the gateway", "网关自动开单";
    StepMoved: "Moved to", "转到";
    StepAssigned: "Assigned to", "派工给";
    StepHeld: "Put on hold", "暂停";
    StepResumed: "Resumed", "恢复";
    StepCommented: "Comment", "留言";
    StepBreached: "Clock breached", "时限超时";
    StepClockWarning: "Time runs short", "时限将至";
    StateMerged: "Merged", "已合并";
    StepMergedInto: "Merged into", "并入工单";
    StepAbsorbed: "Took over", "合并工单";
    StepSplitOff: "Split off", "拆分出";
    StepSplitFrom: "Split from", "拆分自";
    VisitProposed: "Visit proposed", "建议上门时间";
    VisitAgreed: "Visit agreed", "约定上门时间";
    VisitDue: "Due by plan", "计划到期";
    InTimeUntil: "In time until", "宽限至";
    WorkDone: "Work", "作业记录";
    LabourTotal: "Labour in all", "工时合计";
    MinutesOfWork: "Minutes", "分钟";
    Began: "Began", "开始";
    Ended: "Ended", "结束";
    RatePerHour: "Cost of an hour, in cents", "每小时费用（分）";
    Quantity: "Quantity", "数量";
    Checklist: "Checklist", "检查清单";
    NewCheck: "New point", "新增检查项";
    TickOff: "Done", "完成";
    TakeBack: "Take back", "撤销";
    Files: "Files", "附件";
    ChooseFile: "File", "文件";
    Attach: "Attach", "上传";
    LinkedTickets: "Linked tickets", "关联工单";
    LinkTo: "Link to ticket", "关联到工单";
    LinkRelates: "relates", "相关";
    LinkParent: "part of", "隶属于";
    LinkChild: "has part", "包含";
    MergeInto: "Merge into ticket", "并入工单号";
    SplitTicket: "Split off", "拆分";
    MergedTickets: "Merged into it", "已并入的工单";
    Warranty: "Warranty", "保修";
    WarrantyHolds: "in warranty until", "保修期内，至";
    WarrantyOver: "out of warranty since", "已过保，于";
    SerialNumber: "Serial number", "序列号";
    ReportedBy: "Reported by", "报修人";
    Symptom: "Symptom", "故障现象";
    FaultCode: "Fault code", "故障代码";
    Breakdown: "Machine stood still", "停机";
    Yes: "yes", "是";
    No: "no", "否";
    NotSaid: "not said", "未说明";
    LikelyCause: "Likely cause", "可能原因";
    Rating: "Rating, 1 to 5", "评分（1 至 5）";
    Remember: "Write down", "记录";
    Archive: "Archive", "归档";
    Schedule: "Agree on a visit", "约定上门";
    VisitTime: "Time, such as 2026-12-05T09:00Z", "时间，如 2026-12-05T09:00Z";
    ServiceReport: "Service report", "服务报告";
    Print: "Print with the browser", "请用浏览器打印";
    EarlierTickets: "History of the machine", "设备履历";
    Advice: "Advice", "建议";
    AdviceAlarmStands: "Its alarm still stands: look again.", "报警仍未解除，请复查。";
    AdviceRepeated: "The same fault was mended before: look for the cause behind it. Times within a year:", "同一故障曾修复，请查找根本原因。一年内次数：";
    AdviceChecksOpen: "Points of the checklist that are not done:", "未完成的检查项：";
    AdviceRulesToReview: "The warning named another fault: have its rules looked at. It was", "预警指向其他故障，请复核规则。实际为";
    AdvicePlannedWork: "Planned work is open on this machine:", "该设备有未完成的计划保养：";
    Signature: "Signature of the customer", "客户签字";
    ReportTicket: "Report a fault", "报修";
    WhatIsWrong: "What is wrong", "故障描述";
    Urgency: "Urgency", "紧急程度";
    WroteLabour: "Labour", "工时";
    WrotePart: "Part used", "使用备件";
    WroteCheck: "Checklist", "检查清单";
    WroteFile: "File", "附件";
    WroteLink: "Link", "关联工单";
    WroteMalfunction: "How the fault showed", "故障现象";
    WroteCallBack: "Call-back", "回访";
    WroteRemoved: "Entry removed", "删除记录";
    StepMerged: "Further alarm", "并入报警";
    StepDueAgain: "Due again", "再次到期";
    StepLinked: "See also", "另见";
    StepUpgraded: "More urgent than before", "紧急程度提高";
    StepReclassed: "Class changed to", "级别调整为";
    StepScheduled: "Visit agreed", "约定上门";
    StepReopened: "Opened again", "重新打开";
    StepArchived: "Archived", "已归档";
    Reopen: "Reopen", "重新打开";
    ReopenWhy: "Why it was not over", "重新打开原因";
    StepClosed: "Closed", "关闭";
    StepCancelled: "Cancelled", "取消";

    // Receivers
    Receivers: "Receivers", "接收方";
    NoReceivers: "No receivers are configured.", "未配置接收方。";
    ReceiverOk: "Fine", "正常";
    ReceiverFailing: "Fails", "发送失败";
    ReceiverDisabled: "Switched off", "已停用";
    Waiting: "Waiting", "等待";
    GivenUp: "Given up", "已放弃";
    ReceiverName: "Name", "名称";
    LastError: "Last error", "最近错误";
    SendTest: "Send a test", "发送测试";
    Resend: "Send again", "重新发送";

    // Quarantine
    QuarantineIntro: "Packets that could not be read. They were acknowledged and kept; after a fix they can be replayed.", "无法解析的数据包。已确认收到并保留；修复后可重放。";
    QuarantineEmpty: "Nothing is in quarantine.", "隔离区为空。";
    Replay: "Replay", "重放";
    ReplayAll: "Replay all", "全部重放";
    Discard: "Discard", "丢弃";
    Topic: "Topic", "主题";
    Received: "Received", "接收时间";
    Bytes: "bytes", "字节";
    Content: "Content", "内容";
    Cut: "cut", "已截断";
    EmptyPayload: "no bytes", "无内容";

    // Spare parts
    SpareParts: "Parts", "备件";
    SparePart: "Part", "备件号";
    SparePartsIntro: "Those that run low first. Demand is that within the time that an order takes: repairs that are foretold, open tickets, and the usual use.", "库存不足者在前。需求指订货周期内的需求：预测的维修、未结工单以及日常消耗。";
    PartsNone: "No parts here. What is kept in stock stands in the file of parts.", "此处没有备件。库存目录在备件文件中维护。";
    PartsAll: "All parts", "全部备件";
    PartsOnlyLow: "Only those that run low", "仅看库存不足";
    PartLow: "low", "库存不足";
    OrderQuantity: "Order", "建议订货";
    OrderBy: "by", "最迟";
    OnHand: "On hand", "现有";
    Reserved: "Kept back", "已预留";
    Foretold: "Foretold demand", "预测需求";
    Unforeseen: "Usual use", "日常消耗";
    Projected: "Left then", "预计余量";
    ReorderPoint: "Reorder point", "订货点";
    LeadTimeDays: "Days to order", "订货天数";
    StockPlaces: "Where", "存放";
    StockPlace: "Place", "库位";
    StockTo: "To (moves only)", "调入库位（仅调拨）";
    StockCentral: "centre", "中心库";
    StockRegion: "region", "区域库";
    StockVan: "van of", "服务车";
    DemandCauses: "Machines behind it", "相关设备";
    BookMovement: "Book a movement", "登记出入库";
    MovementReceive: "received", "入库";
    MovementMove: "moved", "调拨";
    MovementCount: "counted", "盘点";
    MovementIssue: "left for something else", "其他出库";
    PartsNeeded: "needed", "需要";
    PartsMissing: "missing", "缺少";
    PartNotKept: "not kept in stock", "不在库存目录";
    PartsReserve: "Keep back", "预留";
    PartsRelease: "Let go", "释放";

    // System
    Ready: "Ready", "就绪";
    NotReady: "Not ready", "未就绪";
    Version: "Version", "版本";
    StartedAt: "Started", "启动于";
    JournalPosition: "Journal position", "日志位置";
    HistoryLag: "History lag", "历史库滞后";
    Parts: "Parts", "组成部分";
    PartOk: "ok", "正常";
    PartDegraded: "degraded", "降级";
    PartDown: "down", "故障";
    PartOff: "off", "未启用";
    Models: "Models", "模型";
    ModelCandidate: "candidate", "候选";
    ModelShadow: "in shadow", "影子运行";
    ModelInForce: "in force", "在用";
    ModelRetired: "retired", "已停用";
    Rules: "rules", "条规则";
    DevicesJudged: "devices", "台设备";
    AuditTrail: "Audit trail", "审计记录";
    Rule: "Rule", "规则";
    Kind: "Kind", "类型";
    Watches: "Watches", "监测";
    EveryCondition: "every condition", "全部状态量";
    WholeDevice: "whole device", "整机";
    SpeaksFor: "Speaks for", "对应故障";
    When: "When", "时间";
    Who: "Who", "人员";
    What: "What", "事项";

    // API page
    ApiIntro: "Everything the pages can do, programs can do too. Errors are RFC 9457 problem documents, times RFC 3339 UTC, lists take cursor and limit.", "页面能做的，程序也能做。错误为 RFC 9457 格式，时间为 RFC 3339 UTC，列表使用 cursor 与 limit。";
    ApiDocument: "OpenAPI document", "OpenAPI 文档";
    ApiAuth: "With tokens configured, send one as a bearer token. Without, requests that change something need the header X-Forewarn: 1.", "若配置了令牌，请以 Bearer 方式发送。否则修改类请求需带 X-Forewarn: 1 头。";
    ApiRetry: "Repeat a POST safely by sending the same Idempotency-Key; change a resource only if unchanged by sending its ETag as If-Match.", "发送相同的 Idempotency-Key 可安全重试 POST；将 ETag 作为 If-Match 发送可避免覆盖他人修改。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_exists_in_every_language() {
        for word in Word::ALL {
            for language in [Language::En, Language::Zh] {
                assert!(!word.text(language).trim().is_empty(), "{word:?} {language:?}");
            }
            let has_chinese = |t: &str| t.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            let is_swapped = *word == Word::OtherLanguage;
            assert_eq!(has_chinese(word.text(Language::Zh)), !is_swapped, "{word:?}");
            assert_eq!(has_chinese(word.text(Language::En)), is_swapped, "{word:?}");
        }
    }
}
