-- From the Markdown of docs/REPORT.md to Typst, where pandoc's own way would not do: the title, pictures
-- with their captions, tables with widths that fit what is in them, links.

local function typst(inlines)
  return (pandoc.write(pandoc.Pandoc({ pandoc.Plain(inlines) }), 'typst'):gsub('%s+$', ''))
end

-- The first heading is the title, the others are chapters and sections.
function Header(header)
  if header.level == 1 then
    return pandoc.RawBlock('typst', '#title-page[' .. typst(header.content) .. ']\n#contents()\n')
  end
  header.level = header.level - 1
  return header
end

-- Where a link leads on paper: into the report itself or the web, and nowhere else.
function Link(link)
  if link.target:match('^#') or link.target:match('^https?://') then
    return link
  end
  return link.content
end

-- A picture by itself is a figure.
local function figure(image)
  local path = '/docs/' .. image.src
  local width = image.src:match('^charts/') and '78%' or '100%'
  return pandoc.RawBlock('typst', string.format(
    '#figure(image("%s", width: %s), caption: [%s])', path, width, typst(image.caption)))
end

function Para(para)
  if #para.content == 1 and para.content[1].t == 'Image' then
    return figure(para.content[1])
  end
end

-- How much room the cells of a column want: that of their longest word, and more where there is
-- more to say.
local function wants(cells)
  local longest, most = 3, 3
  for _, text in ipairs(cells) do
    most = math.max(most, utf8.len(text) or #text)
    for word in text:gmatch('[^%s/_]+') do
      longest = math.max(longest, utf8.len(word) or #word)
    end
  end
  return math.max(math.min(most, longest) + 1, 5.2 * math.sqrt(most) - 4)
end

function Table(wide)
  local simple = pandoc.utils.to_simple_table(wide)
  local rows, columns = {}, {}
  local function cell(blocks, column)
    columns[column] = columns[column] or {}
    table.insert(columns[column], pandoc.utils.stringify(blocks))
    return '[' .. typst(pandoc.utils.blocks_to_inlines(blocks)) .. ']'
  end
  local function row(cells)
    local out = {}
    for column, blocks in ipairs(cells) do
      out[column] = cell(blocks, column)
    end
    return table.concat(out, ', ')
  end
  local head = row(simple.headers)
  for _, cells in ipairs(simple.rows) do
    table.insert(rows, '  ' .. row(cells) .. ',')
  end
  local widths, total = {}, 0
  for column, cells in ipairs(columns) do
    widths[column] = wants(cells)
    total = total + widths[column]
  end
  for column, width in ipairs(widths) do
    -- What is narrow takes no more than it needs.
    widths[column] = total < 75 and 'auto' or string.format('%.1ffr', width)
  end
  -- What has many columns, and much in them, is printed across.
  local across = #columns >= 5 and total > 150
  return pandoc.RawBlock('typst', string.format('%s(columns: (%s,), table.header(%s),\n%s\n)',
    across and '#wide-table' or '#table', table.concat(widths, ', '), head,
    table.concat(rows, '\n')))
end
