/* Types into a console program as Windows does. Starts the program that its arguments name, in a
 * console of its own that has no window, and writes records into that console's input: all of one
 * line of standard input at once, each as DOWN:KEY:CHARACTER:STATE in hexadecimal, which are fields
 * of KEY_EVENT_RECORD. At the end of its input it waits for the program, and ends with its exit
 * code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { LINE_BYTES_MAX = 1 << 16, RECORDS_MAX = LINE_BYTES_MAX / 8 };

static void fail(const char *what)
{
    fprintf(stderr, "%s: error %lu\n", what, GetLastError());
    exit(99);
}

/* The records that a line has. */
static DWORD parse(char *line, INPUT_RECORD *records)
{
    DWORD count = 0;
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
        unsigned down, key, character, state;
        if (sscanf(word, "%x:%x:%x:%x", &down, &key, &character, &state) != 4)
            fail(word);
        KEY_EVENT_RECORD *event = &records[count].Event.KeyEvent;
        memset(&records[count], 0, sizeof records[count]);
        records[count++].EventType = KEY_EVENT;
        event->bKeyDown = down;
        event->wRepeatCount = 1;
        event->wVirtualKeyCode = key;
        event->uChar.UnicodeChar = character;
        event->dwControlKeyState = state;
    }
    return count;
}

/* The input of the console that a program has: ours from now on. */
static HANDLE input_of(DWORD program)
{
    FreeConsole();
    for (int tries = 0; !AttachConsole(program); tries++) {
        if (tries == 100)
            fail("AttachConsole");
        Sleep(100);
    }
    HANDLE input = CreateFileW(L"CONIN$", GENERIC_READ | GENERIC_WRITE,
                               FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (input == INVALID_HANDLE_VALUE)
        fail("CONIN$");
    return input;
}

/* What follows our own name on the command line. */
static WCHAR *arguments(void)
{
    WCHAR *rest = GetCommandLineW();
    BOOL is_quoted = FALSE;
    for (; *rest && (is_quoted || *rest != ' '); rest++)
        is_quoted ^= *rest == '"';
    return rest + wcsspn(rest, L" ");
}

/* Ends a program when we end, however we do. */
static void end_with_us(HANDLE program)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = { 0 };
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits) ||
        !AssignProcessToJobObject(job, program))
        fail("the job of the program");
}

int main(void)
{
    static char line[LINE_BYTES_MAX];
    static INPUT_RECORD records[RECORDS_MAX];
    STARTUPINFOW startup = { .cb = sizeof startup };
    PROCESS_INFORMATION program;
    if (!CreateProcessW(NULL, arguments(), NULL, NULL, FALSE, CREATE_NO_WINDOW, NULL, NULL,
                        &startup, &program))
        fail("CreateProcess");
    end_with_us(program.hProcess);
    HANDLE input = input_of(program.dwProcessId);
    while (fgets(line, sizeof line, stdin)) {
        DWORD written, count = parse(line, records);
        if (!WriteConsoleInputW(input, records, count, &written) || written != count)
            fail("WriteConsoleInput");
    }
    WaitForSingleObject(program.hProcess, INFINITE);
    DWORD code;
    GetExitCodeProcess(program.hProcess, &code);
    return (int)code;
}
