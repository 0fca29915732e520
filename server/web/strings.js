// What the page says: one row for each text, in English, simplified and traditional Chinese; the last
// is left out where the two are the same. `{x}` stands for a value; of `one|many`, `{n}` chooses.

const ROWS = `
# The door.
about = A chat room with a file shelf. = 带文件架的聊天室。 = 附檔案架的聊天室。
name = Your name = 您的名字
password = Room password = 房间密码 = 房間密碼
join = Join = 加入
joining = Joining … = 正在加入……
take = Join as {name} = 以“{name}”加入 = 以「{name}」加入
badName = A name has letters of any script, digits, “-”, “_” and “.”, without spaces, and is short. = 名字可用任何文字的字母、数字、“-”、“_”和“.”，不含空格，且不宜过长。 = 名字可用任何文字的字母、數字、「-」、「_」和「.」，不含空格，且不宜過長。
plain = not encrypted = 未加密
plainWhy = Others on this network can read and change what is sent. = 同一网络上的其他人可以读取并更改传输的内容。 = 同一網路上的其他人可以讀取並更改傳輸的內容。
passwordUnsafe = This room asks for a password, and it is not sent without encryption; open the page with https. = 此房间需要密码，而未加密时不会发送密码；请用 https 打开本页。 = 此房間需要密碼，而未加密時不會傳送密碼；請用 https 開啟本頁。
# Around the talk.
skip = Skip to the message field = 跳到消息输入框 = 跳到訊息輸入框
talk = Talk = 聊天记录 = 聊天記錄
here = Here = 在场 = 在場
shelf = On the shelf = 文件架 = 檔案架
emptyShelf = Nothing yet. Drop a file here. = 还没有文件。可将文件拖到这里。 = 還沒有檔案。可將檔案拖到這裡。
panel = Shelf {items} · Here {members} = 文件 {items} · 在场 {members} = 檔案 {items} · 在場 {members}
settings = Settings = 设置 = 設定
language = Language = 语言 = 語言
sound = Sound when someone names you = 有人提到您时发出声音 = 有人提到您時發出聲音
notify = Notify when someone names you = 有人提到您时通知 = 有人提到您時通知
leave = Leave = 离开 = 離開
message = Message = 消息 = 訊息
send = Send = 发送 = 傳送
attach = Put files on the shelf = 上传文件 = 上傳檔案
newest = Newest = 最新
unread = new = 新消息 = 新訊息
now = now = 现在 = 現在
waiting = not delivered yet = 尚未送达 = 尚未送達
privately = privately = 私信 = 私訊
toWhom = to {nick} = 发给 {nick} = 傳給 {nick}
you = you = 您
show = Show = 显示 = 顯示
hide = Hide = 隐藏 = 隱藏
takeOff = Take off = 下架
cancel = Cancel = 取消
retry = Try again = 重试 = 重試
noTopic = no topic = 没有主题 = 沒有主題
# The connection.
connecting = connecting … = 正在连接…… = 正在連線……
offline = Offline; trying again in {s} s. What you write is kept. = 已断线；{s} 秒后重试。您写的内容会保留。 = 已斷線；{s} 秒後重試。您寫的內容會保留。
tryNow = Try now = 立即重试 = 立即重試
late = The server does not answer. = 服务器没有应答。 = 伺服器沒有回應。
lost = connection lost = 连接中断 = 連線中斷
silent = nothing was heard from the server for {seconds} s = 服务器已 {seconds} 秒没有响应 = 伺服器已 {seconds} 秒沒有回應
notLetIn = the server did not let us in = 服务器没有让我们进入 = 伺服器沒有讓我們進入
noServer = cannot connect to the server = 无法连接服务器 = 無法連線到伺服器
back = connected again = 已重新连接 = 已重新連線
violation = the server sent something that cannot be understood: {what} = 服务器发来无法理解的内容：{what} = 伺服器傳來無法理解的內容：{what}
goodbye = the server said goodbye: {why} = 服务器结束了连接：{why} = 伺服器結束了連線：{why}
youLeft = You have left the room. = 您已离开房间。 = 您已離開房間。
missed = {n} event of the room cannot be shown|{n} events of the room cannot be shown = 房间里有 {n} 件事无法显示 = 房間裡有 {n} 件事無法顯示
rewound = A crash has cost the server what is above this line; others see what follows. = 服务器崩溃丢失了上面的部分内容；其他人看到的是以下内容。 = 伺服器當機遺失了上面的部分內容；其他人看到的是以下內容。
unanswered = It may not have arrived: {what} = 可能没有送达：{what} = 可能沒有送達：{what}
nickReplaced = the name {nick} is taken; you are {by} now = 名字 {nick} 已被占用；您现在是 {by} = 名字 {nick} 已被使用；您現在是 {by}
full = Too much is waiting to be sent. = 等待发送的内容太多。 = 等待傳送的內容太多。
# What happens in the room.
joined = {nick} joined = {nick} 加入了
left = {nick} left = {nick} 离开了 = {nick} 離開了
leftWhy = {nick} left: {why} = {nick} 离开了：{why} = {nick} 離開了：{why}
renamed = {nick} is now {to} = {nick} 改名为 {to} = {nick} 改名為 {to}
topicSet = {nick} set the topic: {topic} = {nick} 设置了主题：{topic} = {nick} 設定了主題：{topic}
topicCleared = {nick} cleared the topic = {nick} 清除了主题 = {nick} 清除了主題
shelved = {nick} put {name} on the shelf ({size}) = {nick} 上架了 {name}（{size}）
dropped = {name} dropped from the shelf = {name} 因架满被移除 = {name} 因架滿被移除
droppedBy = {nick} took {name} off the shelf = {nick} 将 {name} 下架 = {nick} 將 {name} 下架
forgotten = an event is lost from the server’s disk here = 此处有一件事从服务器磁盘上丢失 = 此處有一件事從伺服器磁碟上遺失
# Files.
queued = queued = 排队中 = 排隊中
comparing = comparing = 正在比对 = 正在比對
verifying = verifying = 正在校验 = 正在校驗
paused = waits for the connection = 等待连接 = 等待連線
resumed = {name} resumes at {size} = {name} 从 {size} 处续传 = {name} 從 {size} 處續傳
uploadFailed = {name} was not uploaded: {why} = {name} 没有上传：{why} = {name} 沒有上傳：{why}
unreadable = the browser cannot read it; it has changed, is gone, or is a folder = 浏览器无法读取；文件已更改、已删除，或是文件夹 = 瀏覽器無法讀取；檔案已更改、已刪除，或是資料夾
# Commands.
noCommand = There is no command {name}; /help lists them. = 没有命令 {name}；/help 列出所有命令。 = 沒有指令 {name}；/help 列出所有指令。
usage = Usage: {usage} = 用法：{usage}
noItem = Nothing on the shelf is called {name}. = 架上没有 {name}。 = 架上沒有 {name}。
helpHelp = lists the commands = 列出命令 = 列出指令
helpMe = says what you do = 说您在做什么 = 說您在做什麼
helpMsg = sends a private message = 发送私信 = 傳送私訊
helpNick = changes your name = 更改名字
helpTopic = shows, sets or, with “-”, clears the topic = 显示、设置主题；“-”清除主题 = 顯示、設定主題；「-」清除主題
helpWho = lists who is here = 列出在场的人 = 列出在場的人
helpUpload = puts files on the shelf = 上传文件 = 上傳檔案
helpDrop = takes a file of yours off the shelf = 将您的文件下架 = 將您的檔案下架
helpReconnect = makes a new connection now = 立即重新连接 = 立即重新連線
helpClear = clears the talk on this page = 清除本页聊天记录 = 清除本頁聊天記錄
helpQuit = leaves = 离开 = 離開
members = {n} here: {names} = {n} 人在场：{names} = {n} 人在場：{names}
topicIs = Topic: {topic} (by {nick}) = 主题：{topic}（{nick}） = 主題：{topic}（{nick}）
limitIs =  (the limit is {limit}) = （上限为 {limit}） = （上限為 {limit}）
retryIn = ; try again in {s} s = ；{s} 秒后再试 = ；{s} 秒後再試
isFree = ; {name} is free = ；可用 {name}
code = a reason this page does not know ({code}) = 本页不知道的原因（{code}） = 本頁不知道的原因（{code}）
# The codes of the protocol, as half sentences.
VERSION = page and server have no protocol version in common; reload the page = 网页与服务器的协议版本不同；请重新加载 = 網頁與伺服器的協定版本不同；請重新載入
ROOM_FULL = the room is full = 房间已满 = 房間已滿
NOT_JOINED_IN_TIME = joining took too long = 加入超时 = 加入逾時
TIMED_OUT = nothing was received for too long = 太久没有收到数据 = 太久沒有收到資料
TOO_SLOW = data went unread for too long = 数据太久未被读取 = 資料太久未被讀取
CONNECTION_LOST = the connection was lost = 连接中断 = 連線中斷
SHUTTING_DOWN = it is shutting down = 服务器正在关闭 = 伺服器正在關閉
REPLACED = a newer connection has taken its place = 已被更新的连接取代 = 已被較新的連線取代
TOO_MANY_REFUSALS = too many names were refused = 被拒绝的名字太多 = 被拒絕的名字太多
TOO_MANY_CONNECTIONS = too many connections are waiting to join = 等待加入的连接太多 = 等待加入的連線太多
UNCHANGED = that would change nothing = 不会有任何改变 = 不會有任何改變
NOT_ENCRYPTED = the server wants an encrypted connection = 服务器要求加密连接 = 伺服器要求加密連線
NICK_INVALID = that name is not allowed = 不允许使用该名字 = 不允許使用該名字
NICK_TAKEN = that name is taken = 该名字已被占用 = 該名字已被使用
NO_SUCH_MEMBER = nobody here has that name = 在场没有这个人 = 在場沒有這個人
TEXT_INVALID = that text is not allowed = 不允许该文本 = 不允許該文字
TEXT_TOO_LONG = that text is too long = 文本太长 = 文字太長
MEMBER_BUSY = that member cannot receive messages now = 对方现在无法接收消息 = 對方現在無法接收訊息
TOO_MANY_LINES = too many lines in a short time = 短时间内消息太多 = 短時間內訊息太多
TOO_MANY_CHANGES = too many changes of name or topic in a short time = 短时间内更改太多 = 短時間內更改太多
FILE_TOO_LARGE = the file is larger than the server accepts = 文件超过服务器上限 = 檔案超過伺服器上限
FILE_NAME_INVALID = that file name is not allowed = 不允许该文件名 = 不允許該檔名
TOO_MANY_TRANSFERS = too many transfers are running = 进行中的传输太多 = 進行中的傳輸太多
ITEM_DROPPED = that file has been dropped from the shelf = 该文件已下架 = 該檔案已下架
STORAGE_FAILED = the server could not read or write its disk = 服务器磁盘读写失败 = 伺服器磁碟讀寫失敗
STORAGE_FULL = the server’s disk is full = 服务器磁盘已满 = 伺服器磁碟已滿
DIGEST_MISMATCH = the content arrived damaged = 内容在传输中损坏 = 內容在傳輸中損壞
SIZE_MISMATCH = the content does not have the announced size = 内容大小与声明不符 = 內容大小與宣告不符
CANCELLED = the transfer was cancelled = 传输已取消 = 傳輸已取消
STALLED = the transfer made no progress for too long = 传输太久没有进展 = 傳輸太久沒有進展
NOT_YOURS = someone else shared that file = 该文件由他人分享 = 該檔案由他人分享
TOO_MUCH_UPLOADED = too much was uploaded in a short time = 短时间内上传太多 = 短時間內上傳太多
TOO_MANY_FROM_ADDRESS = too many connections come from this address = 来自此地址的连接太多 = 來自此位址的連線太多
TOO_MANY_JOINS = too many have joined from this address in a short time = 短时间内此地址加入太多 = 短時間內此位址加入太多
TOO_MUCH_SENT = too much history was sent to this address in a short time = 短时间内向此地址发送的历史太多 = 短時間內向此位址傳送的歷史太多
FLOODING = too much was asked for after it had been refused = 被拒绝后仍请求太多 = 被拒絕後仍請求太多
PASSWORD_NEEDED = the room asks for a password = 房间需要密码 = 房間需要密碼
PASSWORD_WRONG = that is not the password = 密码错误 = 密碼錯誤
TOO_MANY_GUESSES = too many guesses of the password = 密码尝试太多 = 密碼嘗試太多
BANNED = you are banned from this room = 您已被封禁 = 您已被封鎖
KICKED = an operator has put you out of the room = 管理员已将您请出房间 = 管理員已將您請出房間
TOPIC_LOCKED = only operators may change the topic = 只有管理员可以更改主题 = 只有管理員可以更改主題`;

const TABLE = Object.fromEntries(ROWS.split('\n').map((row) => {
  const [key, ...texts] = row.split(' = ');
  return [key, texts];
}));

export const LANGUAGES = { en: 'English', 'zh-Hans': '简体中文', 'zh-Hant': '繁體中文' };
let column = 0;

/** The first language of ours among what the browser wants. */
export function languageOf(wanted) {
  for (const tag of wanted) {
    if (/^en/i.test(tag)) return 'en';
    if (/^zh/i.test(tag)) return /hant|tw|hk|mo/i.test(tag) ? 'zh-Hant' : 'zh-Hans';
  }
  return 'en';
}

export function setLanguage(language) {
  column = Math.max(0, Object.keys(LANGUAGES).indexOf(language));
}

/** The text's pieces: strings, and the values of its `{x}` as they are. */
export function pieces(key, values = {}) {
  const text = TABLE[key]?.[column] ?? TABLE[key]?.[1] ?? key;
  const [one, many] = text.split('|');
  const parts = (many && String(values.n) !== '1' ? many : one).split(/\{(\w+)\}/);
  return parts.map((part, at) => (at % 2 ? values[part] : part)).filter((part) => part !== '');
}

export const t = (key, values) => pieces(key, values).join('');
export const hasText = (key) => key in TABLE;
